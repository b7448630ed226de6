"""What a run writes of itself, and whether it is still the run that it was."""

import json

import pytest

from afina.base.errors import RunError
from afina.base.events import Events
from afina.recipe import reading
from afina.run import record
from afina.run.folder import create


@pytest.fixture
def resolved():
    return reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": "full"})


def test_first_words_begin_a_run_that_has_not_begun(resolved, tmp_path):
    files = record.first_words(resolved, world_size=2)
    assert list(files) == ["environment.json", "recipe.yaml"]
    run = create("a", output=tmp_path / "run", files=files)
    assert run.status == "new"
    assert '"world_size": 2' in run.environment.read_text("utf-8")
    assert not record.has_begun(json.loads(run.environment.read_text("utf-8")))


def test_a_folder_that_a_kill_left_without_a_recipe_is_free(resolved, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "environment.json").write_text("{}")
    assert create("a", output=tmp_path / "run", files=record.first_words(resolved, 1)).is_run


def test_a_changed_recipe_is_refused_by_its_keys_and_one_that_has_not_begun_is_free(resolved, tmp_path):
    run = create("a", output=tmp_path / "run")
    other = reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": "full", "seed": 7})
    begun = {"recipe": resolved.recipe.model_dump(mode="json")}
    record.check_same(run, resolved, begun)
    record.check_same(run, other, {})
    with pytest.raises(RunError, match="seed changed"):
        record.check_same(run, other, begun)


def test_seconds_trained_adds_up_over_resumes(tmp_path):
    path = tmp_path / "events.jsonl"
    assert record.seconds_trained(path) == 0.0
    with Events(path) as events:
        for kind in ("fit_start", "step", "fit_end", "note"):
            events.write(kind)
    lines = path.read_text("utf-8").splitlines()
    times = ["10:00:00", "10:00:05", "10:00:07", "11:00:00"]
    dated = [
        f'{{"time": "2026-01-01T{time}+00:00"{line[line.index(",") :]}' for line, time in zip(lines, times, strict=True)
    ]
    path.write_text(
        "\n".join([*dated, dated[0].replace("10:00:00", "12:00:00"), dated[1].replace("10:00:05", "12:00:01"), ""])
    )
    assert record.seconds_trained(path) == 8.0
