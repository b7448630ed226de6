"""The first screen: what a person sees before scrolling."""

from __future__ import annotations

import json

import pytest

from afina.reporting.facts import read_facts
from afina.reporting.first_screen import first_screen, headline, moving_parameters, per_class_table


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("single", "What is taken for what"),
        ("many", "Most frequent mistakes"),
        ("multi", "F1 of each label, lowest first"),
    ],
)
def test_first_screen_has_scores_curves_and_mistakes(make_run, kind, title):
    markup = first_screen(read_facts(make_run(kind)), [], [])
    assert markup.count('<figure class="card') == 3
    assert title in markup


def test_first_screen_of_a_regression_draws_the_values(make_run):
    facts = read_facts(make_run("regression"))
    assert "True and predicted values" in first_screen(facts, [], [(1.0, 1.5), (2.0, 2.5)])
    assert "lower is better" in first_screen(facts, [], [])
    assert first_screen(facts, [], []).count("<figure") == 2


@pytest.mark.parametrize(
    ("kind", "css"), [("single", "better"), ("many", "same"), ("regression", "worse"), ("failed", "failed")]
)
def test_first_screen_marks_the_answer(make_run, kind, css):
    markup = first_screen(read_facts(make_run(kind)), [], [])
    assert f'<span class="{css}">' in markup


def test_first_screen_adds_the_remarks_of_the_verdict(make_run):
    folder = make_run("single")
    values = json.loads((folder / "evaluation.json").read_text())
    values["verdict"]["remarks"] = ["By macro-F1 it is <worse>."]
    (folder / "evaluation.json").write_text(json.dumps(values))
    assert "By macro-F1 it is &lt;worse&gt;." in first_screen(read_facts(folder), [], [])


def test_headline_tells_apart_failed_cut_and_never_begun(make_run):
    assert headline(read_facts(make_run("failed"))).startswith("This run failed:")
    assert (
        headline(read_facts(make_run("interrupted"))) == "This run was cut off after step 60 of 120; it can be resumed."
    )
    assert headline(read_facts(make_run("empty"))).startswith("This run has not trained")


def test_moving_parameters_are_known_before_the_end(make_run):
    folder = make_run("interrupted")
    assert moving_parameters(read_facts(folder)) == (22_716_296.0, 22_716_296.0)
    environment = json.loads((folder / "environment.json").read_text())
    del environment["tuning"]
    (folder / "environment.json").write_text(json.dumps(environment))
    assert moving_parameters(read_facts(folder)) == (None, None)


def test_per_class_table_escapes_and_formats():
    row = {"label": "a<b", "precision": 0.5, "recall": None, "f1": 1.0, "support": 1200}
    markup = per_class_table([row])
    for part in ("a&lt;b", "50.0%", "–", "100.0%", "1,200"):
        assert part in markup
