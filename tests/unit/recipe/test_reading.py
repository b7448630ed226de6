"""From files, overrides and keywords to a recipe."""

import os
from pathlib import Path

import numpy as np
import pytest

from afina.base.errors import RecipeError
from afina.recipe.reading import from_keywords, from_text, read

THREE_LINES = "base: builtin:minilm\ndata: rows.csv\ntuning: full\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="recipe.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_read_three_lines(write, tmp_path):
    found = read(write(THREE_LINES))
    assert found.recipe.data.train == str(tmp_path / "rows.csv")
    assert found.recipe.tuning.kind == "full"


def test_paths_are_relative_to_the_recipe_file(write, tmp_path, monkeypatch):
    (tmp_path / "sub" / "models" / "mine").mkdir(parents=True)
    path = write(
        "base: models/mine\ndata: {train: ../a.csv, test: /b.csv, validation: ~/c.csv}\ntuning: full\noutput: runs/x\n"
        "evaluation: {retained: [old.csv, {path: older.csv}]}\n",
        "sub/recipe.yaml",
    )
    monkeypatch.chdir(tmp_path.parent)
    recipe = read(os.path.relpath(path)).recipe
    assert recipe.base.name == str(tmp_path / "sub" / "models" / "mine")
    assert recipe.data.train == str(tmp_path / "a.csv")
    assert recipe.data.test == "/b.csv"
    assert recipe.data.validation == str(Path.home() / "c.csv")
    assert recipe.output == str(tmp_path / "sub" / "runs" / "x")
    assert [item.path for item in recipe.evaluation.retained] == [
        str(tmp_path / "sub" / "old.csv"),
        str(tmp_path / "sub" / "older.csv"),
    ]


@pytest.mark.parametrize("base", ["builtin:minilm", "org/model", "bert-base", "last"])
def test_a_base_that_is_no_path_is_left_alone(write, base):
    assert read(write(f"base: {base}\ndata: a.csv\ntuning: full\n")).recipe.base.name == base


def test_overrides_count_most_and_their_paths_are_relative_to_the_current_folder(write, tmp_path, monkeypatch):
    path = write(THREE_LINES + "training: {epochs: 2}\n", "sub/recipe.yaml")
    monkeypatch.chdir(tmp_path)
    found = read(path, ["training.epochs=4", "training.epochs=5", "output=runs/first", "training.learning_rate=1e-4"])
    assert found.recipe.training.epochs == 5
    assert found.recipe.training.learning_rate == 1e-4
    assert found.recipe.output == str(tmp_path / "runs" / "first")


def test_extends_lies_beneath_with_its_own_paths(write, tmp_path):
    write(THREE_LINES + "training: {epochs: 2, global_batch_size: 8}\n", "low/recipe.yaml")
    found = read(write("extends: low/recipe.yaml\ntraining: {epochs: 4}\n"))
    assert found.recipe.training.epochs == 4
    assert found.recipe.training.global_batch_size == 8
    assert found.recipe.data.train == str(tmp_path / "low" / "rows.csv")
    assert str(found.origins["data.train"]) == "extended"


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [
        ("extends: other.yaml\n", "extends: low.yaml\n", "low.yaml:1:10 extends"),
        ("", "extends: 3\n", "recipe.yaml:1:10 extends"),
        ("", "extends:\n", "recipe.yaml:1:"),
        ("a: [\n", "extends: low.yaml\n", "low.yaml:2:1"),
    ],
)
def test_extends_is_refused_at_its_place(write, low, high, place):
    write(low, "low.yaml")
    with pytest.raises(RecipeError) as caught:
        read(write(high))
    assert place in caught.value.problem.where


def test_a_problem_in_the_extended_recipe_names_its_file(write):
    write(THREE_LINES + "seed: x\n", "low.yaml")
    with pytest.raises(RecipeError, match=r"low.yaml:4:7 seed"):
        read(write("extends: low.yaml\n"))


def test_a_problem_in_an_override_names_it(write):
    with pytest.raises(RecipeError, match="override of training.epoch training.epoch"):
        read(write(THREE_LINES), ["training.epoch=3"])


@pytest.mark.parametrize("overrides", [["training"], ["=3"], ["a..b=1"], ["training.epochs=["]])
def test_a_broken_override_is_refused(write, overrides):
    with pytest.raises(RecipeError):
        read(write(THREE_LINES), overrides)


def test_what_cannot_be_read_says_why(write, tmp_path):
    for path, reason in ((tmp_path / "no.yaml", "does not exist"), (tmp_path, "folder"), ("a\0b", "cannot be read")):
        with pytest.raises(RecipeError, match=reason) as caught:
            read(path)
        assert caught.value.code == "E-RECIPE-005"


def test_a_secret_is_refused_and_not_repeated(write):
    token = "hf_" + "z" * 30
    with pytest.raises(RecipeError) as caught:
        read(write(THREE_LINES + f"output: {token}\n"), [f"token={token}"])
    assert caught.value.code == "E-RECIPE-003"
    assert token not in str(caught.value)
    assert "recipe.yaml:4:9" in str(caught.value)


def test_environment_variables_are_not_filled_in(write):
    with pytest.raises(RecipeError, match=r"recipe.yaml:2:7 data"):
        read(write("base: x\ndata: ${HOME}/a.csv\ntuning: full\n"))


def test_keywords_are_the_same_as_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {
        "base": "builtin:minilm", "data": Path("rows.csv"), "tuning": "full", "seed": np.int64(3),
        "training": {"epochs": np.float32(2), "callbacks": ()},
    }  # fmt: skip
    text = THREE_LINES + "seed: 3\ntraining: {epochs: 2.0, callbacks: []}\n"
    assert from_keywords(values) == from_text(text, folder=tmp_path)


def test_keywords_take_a_section():
    first = from_keywords({"base": "x", "data": "a", "tuning": "full"}).recipe
    again = from_keywords({name: getattr(first, name) for name in type(first).model_fields})
    assert again.recipe == first


def test_keywords_that_are_no_plain_values_are_refused_at_their_path():
    with pytest.raises(RecipeError, match="data.train: A object cannot"):
        from_keywords({"base": "x", "data": {"train": object()}, "tuning": "full"})
    with pytest.raises(RecipeError, match="epochs"):
        from_keywords({"base": "x", "data": "a", "tuning": "full", "training": {"epochs": "3"}})
    with pytest.raises(RecipeError, match="extends"):
        from_keywords({"base": "x", "data": "a", "tuning": "full", "extends": "b.yaml"})
