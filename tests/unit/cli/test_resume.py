"""`afina resume`, as far as it goes without training; whole runs are in tests/integration and tests/invariant."""

import json

import pytest

from afina.base import durable
from afina.cli.main import main
from afina.recipe import reading
from afina.run import record
from afina.run.folder import create


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    resolved = reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": "full"})
    return create("a", files=record.first_words(resolved, 1))


def test_a_finished_run_is_left_as_it_is(run, capsys):
    run.say_status("finished")
    durable.write_json(run.evaluation, {"verdict": {"sentence": "Better."}})
    assert main(["resume"]) == 0
    assert "nothing to resume.\nBetter." in capsys.readouterr().out
    assert main(["resume", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "finished"


def test_a_run_goes_on_with_as_many_processes_as_it_began_with(run, capsys):
    assert main(["resume", "last", "--processes", "3"]) == 2
    assert "began with 1 processes" in capsys.readouterr().err


def test_a_run_without_a_recipe_cannot_go_on(run, capsys):
    run.recipe.unlink()
    assert main(["resume", "last"]) == 2
    assert "E-RUN-032" in capsys.readouterr().err


def test_a_changed_recipe_is_refused_by_its_keys(run, capsys):
    environment = json.loads(run.environment.read_text("utf-8"))
    asked = reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": "full", "seed": 1})
    durable.write_json(run.environment, {**environment, "recipe": asked.recipe.model_dump(mode="json")})
    assert main(["resume", "last"]) == 2
    assert "seed changed" in capsys.readouterr().err
