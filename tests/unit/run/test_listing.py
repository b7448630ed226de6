"""Runs side by side."""

import pytest

from afina.base import durable
from afina.base.lease import Lease
from afina.run.folder import create
from afina.run.listing import asked, compare, details, flat, summary


def score(value):
    return {"main": {"metric": "accuracy", "value": value}, "metrics": [{"metric": "accuracy", "value": value}]}


@pytest.fixture
def pair(tmp_path):
    made = []
    for epochs, tuned in ((3, 0.9), (5, 0.95)):
        run = create("a", tmp_path)
        durable.write_text(
            run.recipe,
            f"base: {{name: builtin:minilm}}  # given\ntuning: {{kind: full}}\ntraining: {{epochs: {epochs}}}\n",
        )
        document = {
            "scores": {"tuned": score(tuned), "base": score(0.8)},
            "verdict": {"outcome": "better", "sentence": "!"},
        }
        durable.write_json(run.evaluation, document)
        made.append(run)
    return made


def test_summary_is_one_line(pair):
    line = summary(pair[0])
    assert line["name"] == pair[0].name
    assert (line["base"], line["tuning"], line["status"]) == ("builtin:minilm", "full", "new")
    assert (line["metric"], line["score"], line["base_score"], line["outcome"]) == ("accuracy", 0.9, 0.8, "better")


def test_summary_of_a_run_that_has_nothing_yet(tmp_path):
    line = summary(create("a", tmp_path))
    assert line["score"] is line["base"] is line["outcome"] is None


def test_details_name_the_holder_and_the_files(pair):
    with Lease(pair[0].path):
        shown = details(pair[0])
    assert shown["status"] == "running"
    assert shown["pid"] > 0
    assert list(shown["files"]) == ["recipe"]
    assert shown["verdict"] == "!"
    assert shown["recipe"]["training"] == {"epochs": 3}


def test_compare_shows_what_differs(pair):
    keys, scores = compare(*pair)
    assert keys == [("training.epochs", 3, 5)]
    assert scores == [("tuned.accuracy", 0.9, 0.95), ("base.accuracy", 0.8, 0.8)]


def test_a_recipe_that_cannot_be_read_is_empty(tmp_path):
    run = create("a", tmp_path)
    durable.write_text(run.recipe, "a: [")
    assert asked(run) == {}


def test_flat_keeps_lists_and_empty_mappings():
    assert flat({"a": {"b": [1, {"c": 2}], "d": {}}, "e": None}) == {"a.b": [1, {"c": 2}], "a.d": {}, "e": None}
