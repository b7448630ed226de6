"""The picture of a comparison: every entry's quality with its interval, best on top, the base as a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import measures
from afina.reporting.facts import at, finite, listed
from afina.reporting.svg import Scale, dot, line, picture, shorten, ticks, words

_WIDTH = 560.0
_LEFT, _RIGHT = 168.0, 496.0
_LOWEST_ROW, _HIGHEST_ROW, _HEIGHT = 38.0, 76.0, 266.0
_LONGEST_LABEL = 26


def quality_picture(results: Mapping[str, Any]) -> str:
    """Return one row per entry that has a result."""
    metric = str(results.get("metric") or "")
    rows = [row for row in listed(results.get("entries")) if finite(at(row, "quality", "value")) is not None]
    base = finite(results.get("base_score"))
    across = _scale(rows, base)
    height = min(_HIGHEST_ROW, max(_LOWEST_ROW, _HEIGHT / len(rows)))
    top, bottom = 34.0, 34.0 + len(rows) * height
    marks = []
    for value in ticks(across.low, across.high, 4):
        marks.append(line([(across(value), top - 6), (across(value), bottom)], "grid"))
        marks.append(words(across(value), bottom + 18, measures.value(metric, value), anchor="middle"))
    if base is not None:
        marks.append(line([(across(base), top - 10), (across(base), bottom)], "base-line"))
        anchor = "start" if base < (across.low + across.high) / 2 else "end"
        marks.append(words(across(base), top - 17, say("base, as it came"), "base-word", anchor))
    for place, row in enumerate(rows):
        marks += _row(row, metric, across, top + (place + 0.5) * height)
    return picture(_WIDTH, bottom + 26, say("Quality of every entry, with its interval"), marks)


def colour(row: Mapping[str, Any]) -> str:
    """Return the class of an entry's marks: the best and what cannot be told from it stand out."""
    return "lead" if at(row, "outcome") in ("winner", "leader") else "rest"


def _row(row: Mapping[str, Any], metric: str, across: Scale, middle: float) -> list[str]:
    value = float(at(row, "quality", "value"))
    low, high = finite(at(row, "quality", "low")), finite(at(row, "quality", "high"))
    label = str(at(row, "label"))
    css = colour(row)
    marks = [
        words(0, middle + 4, shorten(label, _LONGEST_LABEL), f"name {css}"),
        words(_WIDTH, middle + 5, measures.value(metric, value), f"figure-{css}", "end"),
    ]
    if low is not None and high is not None:
        marks.append(line([(across(low), middle), (across(high), middle)], f"reach {css}"))
    seeds = [finite(seed) for seed in listed(at(row, "by_seed"))]
    if len(seeds) > 1:
        marks += [dot(across(seed), middle + 10, 2.2, f"seed {css}") for seed in seeds if seed is not None]
    marks.append(dot(across(value), middle, 6.0, f"entry {css}", title=f"{label}: {measures.value(metric, value)}"))
    return marks


def _scale(rows: list[Any], base: float | None) -> Scale:
    ends = [finite(at(row, "quality", key)) for row in rows for key in ("value", "low", "high")] + [base]
    known = [end for end in ends if end is not None]
    low, high = min(known), max(known)
    margin = (high - low) * 0.05 or 0.01
    return Scale(low - margin, high + margin, _LEFT, _RIGHT)
