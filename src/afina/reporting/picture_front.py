"""The picture of what quality costs: every entry by its training time, and the line of those worth theirs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import at, finite, listed
from afina.reporting.picture_comparison import colour
from afina.reporting.svg import Point, Scale, dot, line, picture, shorten, ticks, words

_WIDTH, _BOTTOM, _TOP = 560.0, 300.0, 22.0
_LEFT, _RIGHT = 56.0, 540.0
_FAR_APART = 6.0
_LABEL_HEIGHT = 15.0
_LETTER = 6.7
_LONGEST_LABEL = 24


def front_picture(results: Mapping[str, Any]) -> str:
    """Return every entry that has a result and a training time; time on a logarithmic axis where it spans much."""
    metric = str(results.get("metric") or "")
    rows = [
        row
        for row in listed(results.get("entries"))
        if finite(at(row, "quality", "value")) is not None and finite(at(row, "cost", "train_s"))
    ]
    times = [float(at(row, "cost", "train_s")) for row in rows]
    values = [float(at(row, "quality", "value")) for row in rows]
    is_logarithmic = max(times) > _FAR_APART * min(times)
    across, places = _times(times, is_logarithmic)
    margin = (max(values) - min(values)) * 0.12 or 0.01
    up = Scale(min(values) - margin, max(values) + margin, _BOTTOM, _TOP)
    if measures.lower_is_better(metric):
        up = Scale(up.low, up.high, _TOP, _BOTTOM)  # better stands above worse
    points = [(across(_position(time, is_logarithmic)), up(value)) for time, value in zip(times, values, strict=True)]
    marks = [*_axes(metric, across, up, places, is_logarithmic)]
    on_front = sorted(point for point, row in zip(points, rows, strict=True) if "train_s" in listed(at(row, "fronts")))
    if len(on_front) > 1:
        marks.append(line(on_front, "front-line"))
    labels = _labels(points, [shorten(str(at(row, "label")), _LONGEST_LABEL) for row in rows])
    for point, row, (x, y, anchor, text) in zip(points, rows, labels, strict=True):
        css = colour(row)
        title = f"{at(row, 'label')}: {measures.value(metric, at(row, 'quality', 'value'))}, "
        marks.append(dot(*point, 6.0, f"entry {css}", title=title + wording.duration(at(row, "cost", "train_s"))))
        marks.append(words(x, y, text, f"name halo {css}", anchor))
    return picture(_WIDTH, _BOTTOM + 40, say("Quality against training time"), marks)


def _times(times: Sequence[float], is_logarithmic: bool) -> tuple[Scale, list[float]]:
    """Return the axis, and where it is written on."""
    if not is_logarithmic:
        high = max(times) * 1.08
        return Scale(0.0, high, _LEFT, _RIGHT), ticks(0.0, high, 5)
    low, high = math.log10(min(times)) - 0.08, math.log10(max(times)) + 0.08
    round_times = [factor * 10.0**power for power in range(-3, 8) for factor in (1, 2, 5)]
    minutes = [60.0 * factor for factor in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200)]
    wanted = minutes if min(times) > 40 else round_times
    inside = [time for time in wanted if low <= math.log10(time) <= high]
    every = max(1, math.ceil(len(inside) / 6))
    return Scale(low, high, _LEFT, _RIGHT), inside[::every]


def _position(time: float, is_logarithmic: bool) -> float:
    return math.log10(time) if is_logarithmic else time


def _axes(metric: str, across: Scale, up: Scale, places: Sequence[float], is_logarithmic: bool) -> list[str]:
    marks = []
    for value in ticks(up.low, up.high, 4):
        marks.append(line([(_LEFT, up(value)), (_RIGHT, up(value))], "grid"))
        marks.append(words(_LEFT - 8, up(value) + 4, measures.value(metric, value), anchor="end"))
    marks.append(line([(_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)], "axis"))
    for place in places:
        x = across(_position(place, is_logarithmic))
        marks.append(line([(x, _BOTTOM), (x, _BOTTOM + 4)], "axis"))
        marks.append(words(x, _BOTTOM + 18, _short_time(place), anchor="middle"))
    title = say("training time (logarithmic)") if is_logarithmic else say("training time")
    marks.append(words(_RIGHT, _BOTTOM + 36, title, anchor="end"))
    return marks


def _labels(points: Sequence[Point], texts: Sequence[str]) -> list[tuple[float, float, str, str]]:
    """Return place and anchor of every label beside its dot, moved up or down where two would overlap."""
    placed: list[tuple[float, float, float]] = []
    labels: dict[int, tuple[float, float, str, str]] = {}
    for index in sorted(range(len(points)), key=lambda index: points[index][1]):
        (x, y), text = points[index], texts[index]
        width = _LETTER * len(text)
        is_left = x + 12 + width > _RIGHT + 16
        start = x - 12 - width if is_left else x + 12
        shift = y + 4
        while any(
            abs(shift - other) < _LABEL_HEIGHT and start < end and begin < start + width for begin, end, other in placed
        ):
            shift += 1.0
        placed.append((start, start + width, shift))
        labels[index] = (x - 12 if is_left else x + 12, shift, "end" if is_left else "start", text)
    return [labels[index] for index in range(len(points))]


def _short_time(seconds: float) -> str:
    if seconds == 0:
        return "0"
    if seconds < 60:
        return f"{wording.number(seconds, 1 if seconds < 1 else 0)} s"
    if seconds < 3600:
        return f"{wording.number(seconds / 60, 0)} min"
    return f"{wording.number(seconds / 3600, 1)} h"
