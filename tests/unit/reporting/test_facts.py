"""Facts are read as far as they go."""

from __future__ import annotations

from afina.evaluation.contract import Evaluation
from afina.reporting.facts import at, finite, kind, listed, read_facts, without_folder


def test_read_facts_of_a_whole_run_misses_nothing(make_run):
    facts = read_facts(make_run("single"))
    assert facts.unread == ()
    assert facts.failure == ""
    assert kind(facts.recipe["tuning"]) == "full"
    assert "# inferred" in facts.recipe_text


def test_read_facts_counts_broken_lines(make_run):
    facts = read_facts(make_run("interrupted"))
    assert any("1 lines of events.jsonl" in sentence for sentence in facts.unread)
    assert facts.curves.last_step == 60


def test_read_facts_names_a_file_that_is_not_text(make_run):
    folder = make_run("single")
    (folder / "data.json").write_bytes(b"\xff\xfe\x00")
    assert [sentence for sentence in read_facts(folder).unread if sentence.startswith("data.json cannot be read")]


def test_the_drawn_evaluations_have_the_layout_of_real_ones(make_run):
    for name in ("single", "many", "multi", "regression"):
        values = read_facts(make_run(name)).evaluation
        assert Evaluation.from_dict(values).to_dict() == values


def test_defaults_are_read_off_the_comments(make_run):
    folder = make_run("empty")
    (folder / "recipe.yaml").write_text(
        "version: 1  # default\ndata:\n  train: a.csv  # given\n  split:\n    test: 0.2  # default\n"
        "seed: 42  # default\n"
    )
    assert read_facts(folder).defaults == {"version", "data.split.test", "seed"}


def test_without_folder_keeps_file_and_line():
    assert without_folder("/home/someone/a b.csv:12") == "a b.csv:12"
    assert without_folder("a.csv") == "a.csv"


def test_at_ends_quietly_where_the_path_ends():
    assert at({"a": {"b": 1}}, "a", "b") == 1
    assert at({"a": None}, "a", "b") is None
    assert at([1], "a") is None


def test_listed_and_finite_take_what_files_hold():
    assert listed(None) == []
    assert listed("text") == ["text"]
    assert listed(["a"]) == ["a"]
    assert finite(1) == 1.0
    assert finite(True) is None
    assert finite(float("nan")) is None
    assert finite("nan") is None
