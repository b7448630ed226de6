"""The bars of the verdict."""

from __future__ import annotations

import json
import re

import pytest

from afina.reporting.picture_scores import contender_title, scores_picture, scores_twin


@pytest.fixture
def values(make_run):
    return json.loads((make_run("single") / "evaluation.json").read_text())


def test_scores_picture_draws_bars_to_scale(values):
    markup = scores_picture(values)
    widths = {
        name: float(re.search(rf'width="([\d.]+)" height="12" class="bar-{name}"', markup)[1])
        for name in ("majority", "base", "tuned")
    }
    tuned, base = (values["scores"][name]["main"]["value"] for name in ("tuned", "base"))
    assert widths["base"] / widths["tuned"] == pytest.approx(base / tuned, rel=0.01)
    assert widths["majority"] < widths["base"] < widths["tuned"] < 264


def test_scores_picture_writes_the_difference(values):
    gain = values["verdict"]["difference"]
    assert f"+{100 * gain:.1f} points" in scores_picture(values)
    values["verdict"]["difference"] = None
    assert "Tuned minus base" not in scores_picture(values)


def test_scores_picture_leaves_out_a_contender_without_a_score(values):
    values["scores"]["majority"] = None
    assert "bar-majority" not in scores_picture(values)
    assert contender_title("majority") not in scores_twin(values)


def test_scores_picture_takes_negative_scores(make_run):
    values = json.loads((make_run("regression") / "evaluation.json").read_text())
    values["verdict"]["metric"] = "r2"
    for name, value in {"majority": -0.4, "base": 0.2, "tuned": 0.5}.items():
        values["scores"][name]["main"] = {"metric": "r2", "value": value, "low": None, "high": None}
    markup = scores_picture(values)
    assert markup.count('class="bar-') == 3
    assert not re.search(r'width="-', markup)
