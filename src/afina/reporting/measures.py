"""Scores as the page writes them; their names and units are those of the metrics floor."""

from __future__ import annotations

from afina.base.messages import say
from afina.metrics import wording as spoken
from afina.metrics.score import is_higher_better
from afina.reporting import wording
from afina.reporting.facts import finite


def title(metric: str) -> str:
    """Return a metric's name for people; one that this version does not know stays as it is."""
    try:
        return spoken.title(metric)
    except KeyError:
        return say("loss") if metric == "loss" else metric


def is_share(metric: str) -> bool:
    """Return whether the metric is a share of a whole, 0..1."""
    return spoken.is_share(metric)


def lower_is_better(metric: str) -> bool:
    """Return whether a small value is a good one."""
    return metric == "loss" or not is_higher_better(metric)


def value(metric: str, score: object) -> str:
    """Return a score with its unit, `89.1%` or `0.412`, and a dash for anything that is no number."""
    known = finite(score)
    return wording.ABSENT if known is None else spoken.value_text(metric, known)


def difference(metric: str, score: object) -> str:
    """Return a difference with its sign and unit, `+4.1 points` or `−0.030`; a dash for what is no number."""
    known = finite(score)
    return wording.ABSENT if known is None else spoken.difference_text(metric, known).replace("-", "−", 1)


def bare_difference(metric: str, score: object) -> str:
    """Return a difference with its sign and without its unit; shares are in percentage points."""
    known = finite(score)
    return wording.ABSENT if known is None else spoken.signed(metric, known).replace("-", "−", 1)
