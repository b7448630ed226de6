"""Files that are missing or of another time are refused with what to do."""

import json

import pytest
import torch

from afina.base import durable
from afina.base.errors import SourceError
from afina.tuning._adapter_format import CONFIG_FILE, WEIGHTS_FILE, Place, Saved, read, write


@pytest.fixture
def saved(tmp_path):
    parts = [f"{part}.{kind}" for part in ("down", "up") for kind in ("weight", "bias")]
    weights = {f"{place}.{part}": torch.rand(2, 2) for place in ("a.b", "c") for part in parts}
    held = Saved((Place("a.b"), Place("c", "d")), "gelu", 1.5, weights, {"head.weight": torch.rand(3)})
    write(tmp_path, held, "a/base")
    return held


def test_what_was_written_is_read(saved, tmp_path):
    found = read(tmp_path)
    assert (found.places, found.function, found.scale) == (saved.places, saved.function, saved.scale)
    for mine, theirs in ((found.weights, saved.weights), (found.head, saved.head)):
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(saved, tmp_path, name):
    (tmp_path / name).unlink()
    with pytest.raises(SourceError, match=name) as error:
        read(tmp_path)
    assert error.value.code == "E-TUNING-041"


@pytest.mark.parametrize("change", [{"afina_adapter": 2}, {"function": "eval"}])
def test_another_format_is_refused(saved, tmp_path, change):
    path = tmp_path / CONFIG_FILE
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(SourceError) as error:
        read(tmp_path)
    assert error.value.code == "E-TUNING-042"


@pytest.mark.parametrize("text", ["{broken", "[]", '{"afina_adapter": 1, "function": "gelu"}'])
def test_a_garbled_description_is_refused(saved, tmp_path, text):
    (tmp_path / CONFIG_FILE).write_text(text, "utf-8")
    with pytest.raises(SourceError) as error:
        read(tmp_path)
    assert error.value.code == "E-TUNING-042"


@pytest.mark.parametrize("name", ["c.up.bias", "head.weight"])
def test_a_missing_weight_is_named(saved, tmp_path, name):
    everything = {**saved.weights, **saved.head}
    durable.write_tensors(tmp_path / WEIGHTS_FILE, {other: everything[other] for other in everything if other != name})
    with pytest.raises(SourceError, match=name) as error:
        read(tmp_path)
    assert error.value.code == "E-TUNING-047"
