"""Bottleneck adapters: where each placement puts them, how they are saved, what is refused."""

import json

import pytest
import torch

from afina.base.errors import RecipeError, SourceError
from afina.tuning import _adapter_format
from tests import tiny

PLACEMENTS = ("houlsby", "pfeiffer", "parallel")


def _stirred(model):
    """Give every adapter weights that are felt."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype))
    return model.eval()


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "vit"])
def test_every_placement_begins_as_the_base_and_then_is_felt(tiny_folder, family, placement):
    model = tiny.image_model(family) if family == "vit" else tiny.load(tiny_folder(family), "mean")
    plain = tiny.outputs(model.eval())
    _, report = tiny.tuned(model, "adapter", placement=placement, reduction_factor=4)
    per_block = 2 if placement == "houlsby" else 1
    num_head = sum(parameter.numel() for name, parameter in model.named_parameters() if name in model.blocks.head)
    assert report.num_trainable - num_head == 2 * per_block * (2 * 16 * 4 + 16 + 4)
    assert torch.equal(tiny.outputs(model), plain)
    assert not torch.equal(tiny.outputs(_stirred(model)), plain)


def test_the_parallel_one_is_four_times_as_strong(tiny_folder):
    scales = {placement: tiny.technique("tuning", "adapter", placement=placement).scale for placement in PLACEMENTS}
    assert scales == {"houlsby": 1.0, "pfeiffer": 1.0, "parallel": 4.0}
    assert tiny.technique("tuning", "adapter", placement="parallel", scale=0.5).scale == 0.5


def test_frozen_blocks_get_no_adapter_and_lower_ones_are_slower(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    _, report = tiny.tuned(model, "adapter", freeze_blocks=1)
    assert report.frozen_blocks == 1
    assert {group.name for group in report.groups} == {"block 1", "head"}
    _, report = tiny.tuned(tiny.load(tiny_folder("bert")), "adapter", layer_decay=0.5)
    scales = {group.name: group.learning_rate_scale for group in report.groups}
    assert scales == {"block 0": 0.5, "block 1": 1.0, "head": 1.0}


def test_half_way_an_adapter_adds_half(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean").double()
    tuning, report = tiny.tuned(model, "adapter", reduction_factor=4)
    start = tuning.state(model)
    end = tuning.state(_stirred(model))
    block = model.block_modules[0].output.dense
    states = torch.randn(3, 32, dtype=torch.float64)
    plain = torch.nn.functional.linear(states, block.weight, block.bias)
    whole = block(states) - plain
    tuning.interpolate(model, start, end, 0.5)
    torch.testing.assert_close(block(states) - plain, whole / 2)
    assert set(report.names) == set(start)


def test_merging_is_refused_with_the_reason(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    tuning, _ = tiny.tuned(model, "adapter")
    with pytest.raises(RecipeError, match="non-linearity") as error:
        tuning.merge(model)
    assert error.value.problem.mend == "tuning: lora"


def test_too_many_frozen_blocks_are_refused(tiny_folder):
    with pytest.raises(RecipeError, match="2 blocks") as error:
        tiny.tuned(tiny.load(tiny_folder("bert")), "adapter", freeze_blocks=3)
    assert error.value.problem.where == "tuning.adapter.freeze_blocks"


@pytest.fixture
def saved(tiny_folder, tmp_path):
    model = tiny.load(tiny_folder("roberta"))
    tuning, _ = tiny.tuned(model, "adapter", placement="parallel", nonlinearity="swish", reduction_factor=4)
    tuning.save(_stirred(model), tmp_path, "a/base")
    return model


def test_the_files_say_where_everything_is(saved, tmp_path):
    config = json.loads((tmp_path / _adapter_format.CONFIG_FILE).read_text("utf-8"))
    assert config["afina_adapter"] == 1
    assert config["base_model_name_or_path"] == "a/base"
    assert (config["function"], config["scale"]) == ("silu", 4.0)
    assert config["places"][0] == {
        "output": "roberta.encoder.layer.0.output.dense",
        "read": "roberta.encoder.layer.0.intermediate.dense",
    }
    assert config["head"] == [
        f"classifier.{part}.{kind}" for part in ("dense", "out_proj") for kind in ("weight", "bias")
    ]
    held = _adapter_format.read(tmp_path)
    assert held.weights["roberta.encoder.layer.1.output.dense.up.weight"].shape == (16, 4)


def test_what_the_files_say_counts_and_not_the_options(saved, tmp_path, tiny_folder):
    other = tiny.load(tiny_folder("roberta")).eval()
    tuning = tiny.technique("tuning", "adapter")
    tuning.restore(other, tmp_path)
    assert torch.equal(tiny.outputs(other), tiny.outputs(saved))
    assert {name for name in tuning.state(other) if "bottleneck" not in name} == set(other.blocks.head)
    tuning.save(other, tmp_path / "again", "a/base")
    for name in (_adapter_format.CONFIG_FILE, _adapter_format.WEIGHTS_FILE):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_network_is_refused_by_name(saved, tmp_path, tiny_folder):
    other = tiny.load(tiny_folder("distilbert"))
    names = [name for name, _ in other.named_parameters()]
    with pytest.raises(SourceError, match="encoder.layer.0") as error:
        tiny.technique("tuning", "adapter").restore(other, tmp_path)
    assert error.value.code == "E-TUNING-044"
    assert [name for name, _ in other.named_parameters()] == names


def test_a_head_of_another_size_is_refused(saved, tmp_path, tiny_folder):
    with pytest.raises(SourceError, match=r"classifier.out_proj.weight"):
        tiny.technique("tuning", "adapter").restore(tiny.load(tiny_folder("roberta"), num_labels=5), tmp_path)
