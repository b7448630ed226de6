"""Loading: float32 from safetensors alone, a fresh head from a seed, and what a run saved read back."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from afina.base.errors import SourceError
from afina.models import loading, sources
from afina.models import processor as processors
from afina.models.contract import HeadSpec
from afina.recipe.schema import Base
from tests import tiny


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_seed_decides_the_head_and_nothing_else(tiny_folder, pooling):
    one, same, other = (tiny.load(tiny_folder("bert"), pooling, seed=seed) for seed in (1, 1, 2))
    head = set(one.blocks.head)
    for name, weight in one.named_parameters():
        assert torch.equal(weight, dict(same.named_parameters())[name])
        is_drawn = name in head and weight.ndim == 2
        assert torch.equal(weight, dict(other.named_parameters())[name]) is not is_drawn, name


def test_half_precision_checkpoints_are_recast_to_float32(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder("bert"), tmp_path / "base")
    tensors = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}), "utf-8")
    for pooling in ("cls", "mean"):
        model = tiny.load(folder, pooling)
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("dropout", [0.0, 0.35, None])
def test_dropout_of_the_recipe_replaces_the_bases_own(tiny_folder, dropout):
    model = tiny.load(tiny_folder("bert"), "mean", dropout=dropout)
    found = {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
    assert found == ({0.1} if dropout is None else {dropout})


def test_labels_are_written_into_the_configuration(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "cls", "multi")
    assert model.network.config.id2label == dict(enumerate(model.spec.labels))
    assert model.network.config.problem_type == "multi_label_classification"


def test_mean_pooling_sets_the_pooler_aside(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean")
    assert set(model.set_aside) == {"pooler"}
    assert not any("pooler" in name for name, _ in model.named_parameters())
    assert set(tiny.load(tiny_folder("distilbert"), "mean").set_aside) == set()


def test_a_model_that_transformers_cannot_load_is_refused(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder("bert"), tmp_path / "base")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    source = sources.locate(Base(name=str(folder)))
    processor = processors.load(source)
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "no-such-model"}), "utf-8")
    with pytest.raises(SourceError) as error:
        loading.load(source, HeadSpec(("a", "b"), "single", "cls"), processor, seed=0)
    assert error.value.code == "E-MODEL-008"
    assert "no-such-model" in str(error.value)


def test_a_folder_that_no_run_wrote_has_no_description(tmp_path):
    with pytest.raises(SourceError) as error:
        loading.describe(tmp_path)
    assert error.value.code == "E-MODEL-009"
    (tmp_path / "afina.json").write_text('{"task": "text-classification"}', "utf-8")
    assert loading.describe(tmp_path) == {"task": "text-classification"}


def test_outputs_are_rescaled_at_the_last_layer(tiny_folder):
    for family, pooling in (("bert", "cls"), ("roberta", "cls"), ("distilbert", "cls"), ("bert", "mean")):
        model = tiny.load(tiny_folder(family), pooling, "regression").eval()
        batch = tiny.batch(model, tiny.rows(4, pooling, "regression"))
        with torch.no_grad():
            before = model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
            model.rescale_outputs(2.5, -1.0)
            after = model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
        torch.testing.assert_close(after, before * 2.5 - 1.0)
