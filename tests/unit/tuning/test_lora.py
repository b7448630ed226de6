"""LoRA: where it is put, how fast its parts learn, and what it refuses."""

import pytest
import torch

from afina.base.errors import RecipeError
from tests import tiny


@pytest.fixture
def model(tiny_folder):
    return tiny.load(tiny_folder("bert"))


def _layers(report):
    return {name.removeprefix("network.").split(".lora_")[0] for name in report.names if ".lora_" in name}


@pytest.mark.parametrize(
    ("family", "pooling", "count"),
    [("bert", "cls", 12), ("gpt2", "last", 8), ("llama", "last", 14), ("albert", "cls", 6)],
)
def test_auto_takes_every_linear_layer_of_the_blocks_and_no_other(tiny_folder, family, pooling, count):
    model = tiny.load(tiny_folder(family), pooling)
    _, report = tiny.tuned(model, "lora")
    assert len(_layers(report)) == count
    inside = {name for block in model.blocks.blocks for name in block}
    assert set(report.names) - set(model.blocks.head) <= inside


def test_auto_takes_convolutions_of_stages(tiny_folder):
    _, report = tiny.tuned(tiny.image_model("resnet"), "lora")
    assert len(_layers(report)) == 5
    assert all("convolution" in path for path in _layers(report))


def test_layers_are_chosen_by_the_end_of_their_path(model):
    _, report = tiny.tuned(model, "lora", target_modules=["query", "attention.output.dense"])
    assert {path.split("layer.")[1][2:] for path in _layers(report)} == {
        "attention.self.query",
        "attention.output.dense",
    }


def test_a_name_that_is_not_there_is_refused_with_the_nearest(model):
    with pytest.raises(RecipeError) as error:
        tiny.tuned(model, "lora", target_modules=["qeury", "value", "word_embeddings"])
    assert error.value.code == "E-TUNING-024"
    assert error.value.problem.where == "tuning.lora.target_modules"
    assert "query" in error.value.problem.expected
    assert [problem.mend for problem in error.value.problems] == ["Did you mean query?", ""]


def test_frozen_blocks_get_no_update(model):
    _, report = tiny.tuned(model, "lora", freeze_blocks=1)
    assert report.frozen_blocks == 1
    assert all(".layer.1." in path for path in _layers(report))


@pytest.mark.parametrize(("asked", "code"), [(2, "E-TUNING-023"), (3, "E-TUNING-001")])
def test_no_block_left_is_refused(model, asked, code):
    with pytest.raises(RecipeError) as error:
        tiny.tuned(model, "lora", freeze_blocks=asked)
    assert error.value.code == code


def test_b_learns_faster_and_lower_blocks_more_slowly(model):
    _, report = tiny.tuned(model, "lora", learning_rate_ratio=16.0, layer_decay=0.5)
    scales = {name: group.learning_rate_scale for group in report.groups for name in group.names}
    for name, scale in scales.items():
        expected = (16.0 if ".lora_B." in name else 1.0) * (0.5 if ".layer.0." in name else 1.0)
        assert scale == expected, name


def test_its_rate_is_ten_times_that_of_full_tuning(model, tiny_folder):
    _, full = tiny.tuned(tiny.load(tiny_folder("bert")), "full")
    _, report = tiny.tuned(model, "lora")
    assert report.learning_rate == 10 * full.learning_rate
    assert "LoRA Without Regret" in report.learning_rate_reason


def test_the_update_grows_in_proportion_on_the_way(model):
    tuning, report = tiny.tuned(model.double(), "lora", rank=2)
    start = tuning.state(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in report.names:
                parameter.add_(torch.randn_like(parameter))
    end = tuning.state(model)
    layer = model.network.bert.encoder.layer[0].attention.self.query
    whole = layer.get_delta_weight("default").clone()
    for alpha in (0.25, 0.5, 1.0):
        tuning.interpolate(model, start, end, alpha)
        torch.testing.assert_close(layer.get_delta_weight("default"), alpha * whole)
    tuning.interpolate(model, start, end, 0.0)
    assert all(torch.equal(weight, start[name]) for name, weight in tuning.state(model).items())


@pytest.mark.parametrize("initialisation", ["pissa", "olora"])
def test_factors_of_the_base_leave_its_weights_alone(tiny_folder, initialisation):
    model = tiny.load(tiny_folder("bert")).eval()
    before, said = tiny.weights(model), tiny.outputs(model)
    tuning, report = tiny.tuned(model, "lora", rank=4, initialisation=initialisation)
    torch.testing.assert_close(tiny.outputs(model.eval()), said, rtol=0, atol=1e-5)
    now = dict(model.named_parameters())
    assert all(torch.equal(now[name], before[alias]) for name, alias in report.aliases.items())
    assert not tuning.interpolates
    assert not any(".first." in name for name in report.names)
    with pytest.raises(RecipeError) as error:
        tuning.interpolate(model, {}, {}, 0.5)
    assert error.value.code == "E-TUNING-025"


def test_factors_want_matrices_that_have_them(model):
    with pytest.raises(RecipeError) as error:
        tiny.tuned(model, "lora", rank=17, initialisation="pissa")
    assert (error.value.code, error.value.problem.expected) == ("E-TUNING-030", "1..16")
    with pytest.raises(RecipeError) as error:
        tiny.tuned(tiny.image_model("resnet"), "lora", rank=2, initialisation="olora")
    assert error.value.code == "E-TUNING-029"


def test_dora_begins_in_one_way():
    with pytest.raises(ValueError, match="variant: dora"):
        tiny.technique("tuning", "lora", variant="dora", initialisation="pissa")


@pytest.mark.parametrize(
    "options", [{"rank": 0}, {"dropout": 1.0}, {"learning_rate_ratio": 0.5}, {"target_modules": []}]
)
def test_values_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tiny.technique("tuning", "lora", **options)
