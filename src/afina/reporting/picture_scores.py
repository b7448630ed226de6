"""The picture of the verdict: majority, base and tuned as bars, and the difference with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import measures
from afina.reporting.facts import at, finite
from afina.reporting.page import Cell, table, twin
from afina.reporting.svg import Scale, box, dot, line, picture, words

_WIDTH = 264.0
_BAR = 12.0
_ROW = 62.0


def contender_title(name: str) -> str:
    """Return what a contender is called on the page."""
    return {
        "majority": say("Always the commonest answer"),
        "base": say("Base, as it came"),
        "tuned": say("Tuned"),
    }.get(name, name)


def scores_picture(evaluation: Mapping[str, Any]) -> str:
    """Return the bars of the main metric and, beneath them, the difference between tuned and base with its interval."""
    metric, known = _known(evaluation)
    ends = [finite(at(main, key)) for main in known.values() for key in ("value", "low", "high")]
    highest = 1.0 if measures.is_share(metric) else max([value for value in ends if value is not None] or [1.0])
    lowest = 0.0 if measures.is_share(metric) else min([0.0, *(value for value in ends if value is not None)])
    scale = Scale(lowest, highest, 0, _WIDTH)
    marks = []
    for position, (name, main) in enumerate(known.items()):
        marks.extend(_bar(name, metric, main, scale, 14 + position * _ROW))
    height = 14 + len(known) * _ROW
    difference, extra = _difference(evaluation, metric, height - 6)
    label = say("Scores of the majority class, the base and the tuned model")
    return picture(_WIDTH, height + extra, label, [*marks, *difference])


def scores_twin(evaluation: Mapping[str, Any]) -> str:
    """Return the same scores as a table."""
    metric, known = _known(evaluation)
    rows = [
        (
            contender_title(name),
            Cell(measures.value(metric, main["value"]), strong=name == "tuned"),
            _range(metric, main),
        )
        for name, main in known.items()
    ]
    return twin(table(("", measures.title(metric), say("Interval")), rows))


def _known(evaluation: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    mains = {name: at(evaluation, "scores", name, "main") for name in ("majority", "base", "tuned")}
    known = {name: main for name, main in mains.items() if finite(at(main, "value")) is not None}
    return str(at(evaluation, "verdict", "metric") or ""), known


def _bar(name: str, metric: str, main: Mapping[str, Any], scale: Scale, top: float) -> list[str]:
    value = float(main["value"])
    zero = scale(0.0)
    left, right = sorted((zero, scale(value)))
    middle = top + 12 + _BAR / 2
    marks = [
        words(0, top, contender_title(name), "name"),
        words(_WIDTH, top, measures.value(metric, value), "value", "end"),
        box(0, top + 12, _WIDTH, _BAR, "track", rx=4),
        box(left, top + 12, max(2.0, right - left), _BAR, f"bar-{name}", rx=4),
    ]
    low, high = finite(at(main, "low")), finite(at(main, "high"))
    if low is not None and high is not None and high > low:
        ends = (max(0.0, scale(low)), min(_WIDTH, scale(high)))
        marks.append(line([(ends[0], middle), (ends[1], middle)], "whisker"))
        marks.extend(line([(end, middle - 4), (end, middle + 4)], "whisker") for end in ends)
    return marks


def _difference(evaluation: Mapping[str, Any], metric: str, top: float) -> tuple[list[str], float]:
    value = finite(at(evaluation, "verdict", "difference"))
    if value is None:
        return [], 0.0
    low = finite(at(evaluation, "verdict", "interval", "low"))
    high = finite(at(evaluation, "verdict", "interval", "high"))
    ends = [end for end in (value, low, high, 0.0) if end is not None]
    margin = (max(ends) - min(ends)) * 0.12 or 0.01
    scale = Scale(min(ends) - margin, max(ends) + margin, 4, _WIDTH - 4)
    middle = top + 62
    marks = [
        line([(0, top), (_WIDTH, top)], "axis"),
        words(0, top + 24, say("Tuned minus base"), "name"),
        words(_WIDTH, top + 25, measures.difference(metric, value), "value", "end"),
        line([(4, middle), (_WIDTH - 4, middle)], "axis"),
        line([(scale(0.0), middle - 14), (scale(0.0), middle + 10)], "zero"),
        words(scale(0.0), middle + 23, "0", anchor="middle"),
    ]
    if low is not None and high is not None:
        marks.append(
            line([(scale(low), middle), (scale(high), middle)], "accuracy", style="stroke-width:5;stroke-linecap:round")
        )
        marks.extend(_ends(metric, low, high, scale, middle))
    marks.append(dot(scale(value), middle, 5.5, "mark"))
    return marks, 88.0


def _ends(metric: str, low: float, high: float, scale: Scale, middle: float) -> list[str]:
    marks = []
    for end, anchor in ((low, "start"), (high, "end")):
        # The zero has its own word; an end that stands on it needs none.
        if abs(scale(end) - scale(0.0)) > 16:
            place = scale(end) + (-4 if anchor == "start" else 4)
            marks.append(words(place, middle + 23, measures.bare_difference(metric, end), anchor=anchor))
    return marks


def _range(metric: str, main: Mapping[str, Any]) -> str:
    low, high = finite(main.get("low")), finite(main.get("high"))
    if low is None or high is None:
        return ""
    return say("{low} to {high}", low=measures.value(metric, low), high=measures.value(metric, high))
