"""What a validator found, said with place, expectation and mend."""

import pytest

from afina.base.errors import Problem, RecipeError
from afina.recipe.problems import in_short, raise_all
from afina.recipe.reading import from_text

GOOD = "base: x\ndata: a.csv\ntuning: full\n"


def _problems(text):
    with pytest.raises(RecipeError) as caught:
        from_text(text)
    return caught.value.problems or (caught.value.problem,)


def test_all_problems_are_reported_at_once_with_their_places():
    found = _problems(
        "base: x\ndata: {train: a.csv, txt: b}\ntuning: {kind: full, layer_decay: 3}\n"
        "training:\n  epochs: abc\n  optimizer: {weight_decay: x}\n  callbacks: [early-stop, zz]\nseed: true\n"
    )
    assert {problem.where for problem in found} == {
        "recipe.yaml:2:22 data.txt",
        "recipe.yaml:3:35 tuning.layer_decay",
        "recipe.yaml:5:11 training.epochs",
        "recipe.yaml:6:29 training.optimizer.weight_decay",
        "recipe.yaml:7:27 training.callbacks.1.kind",
        "recipe.yaml:8:7 seed",
    }
    assert all(problem.expected for problem in found)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lr: 1e-4", "training.learning_rate"),
        ("epochs: 3", "training.epochs"),
        ("num_train_epochs: 3", "training.epochs"),
        ("per_device_train_batch_size: 8", "training.micro_batch_size"),
        ("model_name_or_path: y", "base"),
        ("tuningg: full", "tuning"),
        ("Seed: 3", "seed"),
        ("layer_decay: 0.9", "tuning.layer_decay"),
        ("weight_decay: 0.9", "training.optimizer.weight_decay"),
        ("training: {epoch: 3}", "training.epochs"),
        ("training: {global-batch-size: 3}", "training.global_batch_size"),
        ("extend: a.yaml", "extends"),
    ],
)
def test_an_unknown_key_names_the_nearest(line, hint):
    (problem,) = _problems(GOOD + line + "\n")
    assert problem.mend == f"Did you mean {hint}?"


def test_an_unknown_key_without_a_likeness_lists_those_that_exist():
    (problem,) = _problems(GOOD + "qqqq: 1\n")
    assert problem.mend == ""
    assert problem.expected.startswith("version, base, data")


def test_a_kind_that_does_not_exist_lists_those_that_do():
    (problem,) = _problems("base: x\ndata: a\ntuning: ful\n")
    assert problem.where == "recipe.yaml:3:9 tuning.kind"
    assert "last-blocks" in problem.expected
    assert "full" in problem.mend


def test_what_is_missing_is_named_with_an_example():
    found = {problem.what: problem.mend for problem in _problems("seed: 1\n")}
    assert found == {
        "`base` is missing.": "base: builtin:minilm",
        "`data` is missing.": "data: rows.csv",
        "`tuning` is missing.": "tuning: full",
    }


def test_a_rule_over_several_fields_is_said_at_their_section():
    (problem,) = _problems("base: x\ntuning: full\ndata:\n  train: a\n  split: {test: 0.9, validation: 0.2}\n")
    assert problem.where == "recipe.yaml:5:10 data.split"


def test_raise_all_keeps_one_problem_flat_and_counts_several():
    raise_all([], "r")
    with pytest.raises(RecipeError, match="a b"):
        raise_all([Problem(what="a b")], "r")
    with pytest.raises(RecipeError, match="2 problems"):
        raise_all([Problem(what="a"), Problem(what="b")], "r")


@pytest.mark.parametrize(
    ("value", "short"),
    [({}, "a section"), ([1], "a list of 1"), (None, "empty"), (True, "true"), ("x", "'x'"), ("y" * 99, None)],
)
def test_in_short_stays_short(value, short):
    assert short is None or in_short(value) == short
    assert len(in_short(value)) <= 60
