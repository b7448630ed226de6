"""A base is found, checked and never executed."""

import json
import shutil

import pytest
import torch

from afina.base.errors import SourceError
from afina.models import sources
from afina.recipe.schema import Base
from tests import tiny


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder("bert"), tmp_path / "base")


def _refused(name, code, **options):
    with pytest.raises(SourceError) as error:
        sources.locate(Base(name=str(name), **options))
    assert error.value.code == code
    assert error.value.exit_code == 6
    return error.value


def _edit(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def test_a_folder_is_a_base_with_a_fingerprint_of_its_weights(folder):
    source = sources.locate(Base(name=str(folder)))
    assert source.folder == folder
    assert source.config["model_type"] == "bert"
    assert len(source.origin.fingerprint) == 64
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert sources.locate(Base(name=str(folder))).origin.fingerprint != source.origin.fingerprint


def test_a_run_is_a_base(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run" / "model")
    assert sources.locate(Base(name=str(tmp_path / "run"))).folder == tmp_path / "run" / "model"


def test_weights_in_a_format_that_can_hold_code_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    error = _refused(folder, "E-MODEL-003")
    assert "safetensors" in error.problem.mend


def test_a_model_that_brings_code_is_refused_until_it_is_allowed(folder):
    _edit(folder, auto_map={"AutoModel": "modeling_own.OwnModel"})
    (folder / "modeling_own.py").write_text("raise SystemExit('ran')\n", "utf-8")
    error = _refused(folder, "E-MODEL-004")
    assert "base.trust_remote_code" in error.problem.mend
    assert sources.locate(Base(name=str(folder), trust_remote_code=True)).folder == folder


def test_changed_weights_of_the_packaged_model_are_refused(folder, monkeypatch):
    monkeypatch.setattr(sources, "minilm_folder", lambda: folder)
    error = _refused("builtin:minilm", "E-MODEL-005")
    assert sources.MINILM_SHA256 in error.problem.expected


def test_the_packaged_model_is_the_one_our_figures_were_measured_on():
    pytest.importorskip("importlib.metadata").distribution(sources.MINILM_PACKAGE)
    source = sources.locate(Base(name="builtin:minilm"))
    assert source.origin.fingerprint == sources.MINILM_SHA256
    assert source.pooling == "mean"
    assert any("English" in fact for fact in source.origin.facts)


@pytest.mark.parametrize(
    "name", ["no/such-model-of-anybody", "nosuchmodel", "./nowhere", "/no/where/at/all", "C:\\models\\mine"]
)
def test_what_is_neither_here_nor_on_the_hub_is_refused(name):
    _refused(name, "E-MODEL-002")


def test_an_unknown_builtin_is_refused():
    assert _refused("builtin:maxilm", "E-MODEL-001").problem.expected == "builtin:minilm"


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"model_type": 3}'])
def test_a_folder_that_is_no_model_is_refused(folder, content):
    if content is None:
        (folder / "config.json").unlink()
    else:
        (folder / "config.json").write_text(content, "utf-8")
    assert str(folder) in str(_refused(folder, "E-MODEL-002"))


@pytest.mark.parametrize(
    ("settings", "pooling"),
    [
        (None, "cls"),
        ({"pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_max_tokens": True}, "cls"),
        ({"pooling_mode_lasttoken": True}, "last"),
    ],
)
def test_the_bases_own_files_name_its_pooling(folder, settings, pooling):
    if settings is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(settings), "utf-8")
    source = sources.locate(Base(name=str(folder)))
    assert source.pooling == pooling
    assert source.pooling_reason


@pytest.mark.parametrize(
    ("family", "kind", "pooling"),
    [
        ("bert", "encoder", "cls"),
        ("gpt2", "decoder", "last"),
        ("llama", "decoder", "last"),
        ("qwen2", "decoder", "last"),
    ],
)
def test_a_base_that_reads_forwards_is_pooled_at_its_last_position(tiny_folder, family, kind, pooling):
    source = sources.locate(Base(name=str(tiny_folder(family))))
    assert sources.family(source.config) == kind
    assert source.pooling == pooling
    assert tiny.load(tiny_folder(family), pooling).family == kind


def test_an_adapter_is_no_base_and_the_message_says_how_to_make_one(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "afina.json").write_text("{}", "utf-8")
    for name in (tmp_path, tmp_path / "model"):
        assert _refused(str(name), "E-MODEL-012").problem.mend.startswith("afina merge ")


def test_others_find_a_base_by_its_hub_id_or_its_folder(tiny_folder):
    source = sources.locate(Base(name=str(tiny_folder("bert"))))
    assert sources.published_name(source.origin) == str(tiny_folder("bert"))
    assert sources.published_name(sources.locate(Base(name="builtin:minilm")).origin).startswith(
        "sentence-transformers/"
    )
