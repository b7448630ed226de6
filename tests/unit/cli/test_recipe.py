"""`afina recipe`."""

import json

import pytest

from afina.cli.main import main
from afina.recipe.resolved import Resolved


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("base: builtin:minilm\ndata: rows.csv\ntuning: full\n", encoding="utf-8")
    return str(path)


def test_explain_a_field(capsys):
    assert main(["recipe", "explain", "tuning.full.layer_decay"]) == 0
    out = capsys.readouterr().out
    assert "a number above 0 up to 1" in out
    assert "default: 1.0" in out


def test_explain_lists_sections_and_names_the_nearest(capsys):
    assert main(["recipe", "explain"]) == 0
    assert "  training " in capsys.readouterr().out
    assert main(["recipe", "explain", "training.epoch"]) == 2
    assert "training.epochs" in capsys.readouterr().err


def test_schema_is_one_document(capsys):
    assert main(["recipe", "schema"]) == 0
    assert "tuning" in json.loads(capsys.readouterr().out)["properties"]


def test_validate_accepts_with_overrides(recipe, capsys):
    assert main(["recipe", "validate", recipe, "training.epochs=5"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is a valid recipe" in captured.err
    assert main(["recipe", "validate", recipe, "training.epochs=5", "--resolved"]) == 0
    assert Resolved.load(capsys.readouterr().out).recipe.training.epochs == 5
    assert main(["recipe", "validate", recipe, "training.epochs=5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["origins"]["training.epochs"]["kind"] == "override"


def test_validate_refuses_with_every_problem(recipe, capsys):
    assert main(["recipe", "validate", recipe, "training.epochs=0", "tuningg=full", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["error"]["problems"]) == 2
