"""The folder: found again by the same request, never mistaken for another."""

from dataclasses import replace
from functools import partial

import pytest

from afina.base import durable
from afina.base.errors import RunError
from afina.recipe import reading
from afina.regimes.compare import folder, request
from afina.regimes.compare.axes import Axis
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.request import Terms


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read = partial(reading.from_keywords, {"base": "b", "data": "rows.csv"})
    return request.build(read, [Axis("tuning", ("head", "full"))], Terms())


def test_an_unfinished_one_is_found_again_and_a_finished_one_is_not(asked):
    first = folder.begin(asked, "my rows")
    assert first.path.parent == folder.ROOT
    assert first.name.endswith("-my-rows")
    assert first.request() == asked
    assert folder.begin(asked, "my rows") == first
    other = folder.begin(replace(asked, digest="other"), "my rows")
    assert other != first
    durable.write_json(first.results_file, {})
    assert folder.begin(asked, "my rows") != first


def test_a_folder_that_is_named_must_be_free_or_hold_the_same(asked, tmp_path):
    named = folder.begin(asked, "x", tmp_path / "named")
    assert folder.begin(asked, "x", tmp_path / "named") == named
    with pytest.raises(RunError, match="another comparison") as caught:
        folder.begin(replace(asked, digest="other"), "x", tmp_path / "named")
    assert caught.value.code == "E-COMPARE-021"
    durable.write_text(tmp_path / "used" / "file.txt", "")
    with pytest.raises(RunError, match="no comparison"):
        folder.begin(asked, "x", tmp_path / "used")


def test_find_takes_a_path_a_name_or_last(asked):
    with pytest.raises(RunError):
        folder.find("last")
    first = folder.begin(asked, "a")
    second = folder.begin(replace(asked, digest="other"), "b")
    assert folder.find("last").path.name == max(first.name, second.name)
    assert folder.find(first.name).path == first.path
    assert folder.find(str(second.path)).path == second.path
    with pytest.raises(RunError) as caught:
        folder.find("nowhere")
    assert first.name in caught.value.problem.expected


def test_notes_are_kept_by_run_and_forgotten_when_asked(asked):
    comparison = folder.begin(asked, "a")
    comparison.note("one", error={"code": "E"}, filled_bytes=3)
    comparison.note("two", filled_bytes=0)
    comparison.note("one", error=None)
    assert comparison.notes() == {"one": {"filled_bytes": 3}, "two": {"filled_bytes": 0}}


def test_a_torn_request_is_said(tmp_path):
    durable.write_text(tmp_path / "comparison.json", '{"entries": [')
    with pytest.raises(RunError, match="no comparison"):
        Comparison(tmp_path).request()
