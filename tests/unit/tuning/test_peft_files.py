"""PEFT's files: what is in them, and what is refused when they are read."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForMaskedLM

from afina.base.errors import SourceError
from afina.tuning import _peft_files
from tests import tiny


@pytest.fixture
def saved(tiny_folder, tmp_path):
    model = tiny.load(tiny_folder("bert"))
    tuning, _ = tiny.tuned(model, "lora", rank=4)
    tuning.save(model, tmp_path, "somebody/base")
    return tmp_path


def _restore(tiny_folder, folder, family="bert", **options):
    model = tiny.load(tiny_folder(family), **options)
    tiny.technique("tuning", "lora").restore(model, folder)


@pytest.mark.parametrize(
    ("family", "pooling", "task", "modules"),
    [
        ("bert", "cls", "SEQ_CLS", ["classifier"]),
        ("distilbert", "cls", "SEQ_CLS", ["pre_classifier", "classifier"]),
        ("bert", "mean", "FEATURE_EXTRACTION", None),
        ("gpt2", "last", "FEATURE_EXTRACTION", None),
        ("vit", "", None, ["classifier"]),
    ],
)
def test_the_config_says_what_the_network_is_for(tiny_folder, tmp_path, family, pooling, task, modules):
    model = tiny.load(tiny_folder(family), pooling) if pooling else tiny.image_model(family)
    tuning, _ = tiny.tuned(model, "lora", rank=4)
    tuning.save(model, tmp_path, "somebody/base")
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert (config["task_type"], config["modules_to_save"]) == (task, modules)
    assert config["base_model_name_or_path"] == "somebody/base"
    assert config["inference_mode"] is True
    assert (config["auto_mapping"] is None) is (task is not None)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    heads = {name for name in tensors if "lora_" not in name}
    assert heads == set(_peft_files.head_state(model))
    assert not any("default" in name for name in tensors)


def test_what_the_base_does_not_bring_is_saved_with_the_head(tiny_folder, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(tiny_folder("bert"), base)
    # A base made for masked words has no pooler: the one that is drawn learns, and is nobody else's.
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(base)).save_pretrained(base)
    model = tiny.load(base, seed=1)
    assert {name.split(".")[1] for name in model.blocks.head} == {"bert", "classifier"}
    assert not model.blocks.top
    assert _peft_files.head_modules(model) == ["bert.pooler", "classifier"]
    tuning, _ = tiny.tuned(model, "lora", rank=4)
    (tmp_path / "adapter").mkdir()
    tuning.save(model, tmp_path / "adapter", str(base))
    other = tiny.load(base, seed=2)
    tiny.technique("tuning", "lora").restore(other, tmp_path / "adapter")
    assert torch.equal(tiny.outputs(model.eval()), tiny.outputs(other.eval()))


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_missing_file_is_named(tiny_folder, saved, name):
    (saved / name).unlink()
    with pytest.raises(SourceError) as error:
        _restore(tiny_folder, saved)
    assert error.value.code == "E-TUNING-020"
    assert error.value.problem.where.endswith(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("adapter_config.json", "{"),
        ("adapter_config.json", '{"peft_type": "NOTHING"}'),
        ("adapter_model.safetensors", "not tensors"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tiny_folder, saved, name, content):
    (saved / name).write_text(content, "utf-8")
    with pytest.raises(SourceError) as error:
        _restore(tiny_folder, saved)
    assert error.value.code == "E-TUNING-021"


def test_weights_that_do_not_fit_are_listed(tiny_folder, saved):
    tensors = load_file(saved / "adapter_model.safetensors")
    first, second = sorted(tensors)[:2]
    tensors[first] = tensors[first][:1]
    tensors["base_model.model.bert.elsewhere.weight"] = tensors.pop(second)
    save_file(tensors, saved / "adapter_model.safetensors")
    with pytest.raises(SourceError) as error:
        _restore(tiny_folder, saved)
    assert error.value.code == "E-TUNING-022"
    assert {problem.where for problem in error.value.problems} == {
        first,
        second,
        "base_model.model.bert.elsewhere.weight",
    }


def test_another_number_of_labels_does_not_fit(tiny_folder, saved):
    with pytest.raises(SourceError) as error:
        _restore(tiny_folder, saved, num_labels=2)
    assert error.value.code == "E-TUNING-022"
    assert all("classifier" in problem.where for problem in error.value.problems)
