"""Scores in words."""

from __future__ import annotations

import pytest

from afina.base import messages
from afina.reporting import measures


def test_measures_write_shares_and_plain_numbers():
    assert measures.value("accuracy", 0.891) == "89.1%"
    assert measures.value("mae", 0.4119) == "0.412"
    assert measures.difference("accuracy", -0.041) == "−4.1 points"
    assert measures.bare_difference("mae", 0.06) == "+0.060"


@pytest.mark.parametrize("nothing", [None, "nan", float("nan"), True])
def test_measures_write_a_dash_for_what_is_no_number(nothing):
    assert measures.value("accuracy", nothing) == "–"
    assert measures.difference("mae", nothing) == "–"
    assert measures.bare_difference("mae", nothing) == "–"


def test_measures_leave_a_metric_of_a_later_version_as_it_is():
    assert measures.title("quadratic_kappa") == "quadratic_kappa"
    assert measures.title("accuracy") == "accuracy"
    assert measures.value("quadratic_kappa", 0.5) == "0.500"


def test_measures_know_which_way_is_better():
    assert [name for name in ("accuracy", "mae", "r2", "rmse", "loss") if measures.lower_is_better(name)] == [
        "mae",
        "rmse",
        "loss",
    ]


def test_measures_speak_portuguese(portuguese):
    messages.set_language("pt")
    assert measures.value("accuracy", 0.891) == "89,1%"
    assert measures.difference("accuracy", 0.041) == "+4,1 pontos"
