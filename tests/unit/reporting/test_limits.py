"""Limits follow from the numbers."""

from __future__ import annotations

import json

import pytest

from afina.reporting.facts import read_facts
from afina.reporting.limits import limits


@pytest.fixture
def change(make_run):
    folder = make_run("single")

    def changed(**parts):
        values = json.loads((folder / "evaluation.json").read_text())
        values |= parts
        (folder / "evaluation.json").write_text(json.dumps(values))
        return " ".join(limits(read_facts(folder)))

    return changed


def rows(*supports, recall=0.5):
    return [{"label": f"c{i}", "support": n, "recall": recall} for i, n in enumerate(supports)]


def test_limits_carry_the_facts_of_the_base(change):
    assert "The packaged MiniLM reads English" in change()


def test_limits_warn_of_a_small_test(change):
    assert "The test set is small (120 rows)" in change(n=120)
    assert "The test set is small" not in change(n=2000)


def test_limits_warn_of_an_interval_over_zero(change):
    assert "holds zero" in change(verdict={"interval": {"low": -0.1, "high": 0.2}})
    assert "holds zero" not in change(verdict={"interval": {"low": 0.1, "high": 0.2}})


def test_limits_warn_of_uneven_and_unfound_classes(change):
    text = change(scores={"tuned": {"per_class": rows(3, 90, recall=0.0)}})
    assert "from 3 to 90 test rows" in text
    assert "fewer than ten test rows" in text
    assert "Never found in the test rows: c0, c1." in text
    assert "uneven" not in change(scores={"tuned": {"per_class": rows(40, 60)}})


def test_limits_warn_of_calibration_and_gap(change):
    text = change(scores={"tuned": {"calibration": {"ece": 0.2}}}, gap={"metric": "accuracy", "difference": 0.3})
    assert "off by 20.0%" in text
    assert "+30.0 points" in text


def test_limits_say_what_was_not_measured(change, make_run):
    assert "was not measured again" not in change()
    assert "was not measured again" in change(forgetting=[])
    assert "do not use it for decisions" in " ".join(limits(read_facts(make_run("failed"))))
