"""Whether the model is right as often as it says: the reliability diagram, and true against predicted for numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afina.base.messages import say
from afina.reporting import wording
from afina.reporting.facts import at, finite
from afina.reporting.page import table, twin
from afina.reporting.svg import Scale, box, dot, line, picture, ticks, words

_SIDE = 396.0
_LEFT = 44.0


def reliability_picture(calibration: Mapping[str, Any]) -> str:
    """Return how often the model was right at each confidence, and how many predictions were made with it."""
    bins = [
        part for part in at(calibration, "bins") or [] if finite(at(part, "accuracy")) is not None and at(part, "count")
    ]
    if not bins:
        return ""
    across, up = Scale(0, 1, _LEFT, _SIDE), Scale(0, 1, 214, 12)
    marks = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        marks.append(line([(_LEFT, up(share)), (_SIDE, up(share))], "grid"))
        marks.append(words(_LEFT - 7, up(share) + 4, wording.percent(share, 0), anchor="end"))
        marks.append(words(across(share), 276, wording.percent(share, 0), anchor="middle"))
    marks.append(line([(across(0), up(0)), (across(1), up(1))], "diagonal"))
    points = [(across(part["confidence"]), up(part["accuracy"])) for part in bins]
    if len(points) > 1:
        marks.append(line(points, "accuracy"))
    highest = max(part["count"] for part in bins)
    for part, (x, y) in zip(bins, points, strict=True):
        share = part["count"] / highest
        marks.append(dot(x, y, 2.5 + 4 * share**0.5, "mark", _sentence(part)))
        tall = max(1.5, 32 * share)
        left, right = across(float(part["low"])), across(float(part["high"]))
        marks.append(box(left + 1, 260 - tall, right - left - 2, tall, "bar-majority", rx=1.5))
    marks.append(line([(_LEFT, 260), (_SIDE, 260)], "axis"))
    marks.append(words((_LEFT + _SIDE) / 2, 294, say("how sure the model was"), anchor="middle"))
    drawing = picture(_SIDE + 12, 300, say("How often the model was right, by how sure it was"), marks)
    headings = (say("Sure"), say("Predictions"), say("Mean confidence"), say("Right"))
    return drawing + twin(table(headings, [_row(part) for part in bins]))


def values_picture(pairs: Sequence[tuple[float, float]]) -> str:
    """Return a scatter of (true, predicted) numbers around the diagonal on which both are the same."""
    if not pairs:
        return ""
    ends = [value for pair in pairs for value in pair]
    margin = (max(ends) - min(ends)) * 0.04 or 1.0
    low, high = min(ends) - margin, max(ends) + margin
    across, up = Scale(low, high, 50, 396), Scale(low, high, 330, 10)
    marks = []
    for value in ticks(low, high, 5):
        marks.append(line([(50, up(value)), (396, up(value))], "grid"))
        marks.append(words(43, up(value) + 4, _tick(value), anchor="end"))
        marks.append(words(across(value), 350, _tick(value), anchor="middle"))
    marks.append(line([(across(low), up(low)), (across(high), up(high))], "diagonal"))
    marks.extend(dot(across(true), up(said), 2.8, "mark faint") for true, said in pairs)
    marks.append(words(223, 372, say("true value"), anchor="middle"))
    marks.append(words(56, 18, say("what the model said ↑")))
    return picture(400, 380, say("True and predicted values"), marks) + twin(_fifths(pairs))


def _fifths(pairs: Sequence[tuple[float, float]]) -> str:
    """Return the pairs in five groups from the lowest to the highest true value."""
    ordered = sorted(pairs)
    edges = [round(index * len(ordered) / 5) for index in range(6)]
    groups = [ordered[low:high] for low, high in zip(edges, edges[1:], strict=False) if high > low]
    rows = [
        (
            say("{low} to {high}", low=wording.number(group[0][0], 2), high=wording.number(group[-1][0], 2)),
            wording.number(len(group)),
            wording.number(sum(true for true, _ in group) / len(group), 2),
            wording.number(sum(said for _, said in group) / len(group), 2),
            wording.number(sum(abs(true - said) for true, said in group) / len(group), 2),
        )
        for group in groups
    ]
    headings = (say("True values"), say("Rows"), say("Mean true"), say("Mean predicted"), say("Mean error"))
    return table(headings, rows)


def _row(part: Mapping[str, Any]) -> tuple[str, str, str, str]:
    sure = say("{low} to {high}", low=wording.percent(part["low"], 0), high=wording.percent(part["high"], 0))
    return sure, wording.number(part["count"]), wording.percent(part["confidence"]), wording.percent(part["accuracy"])


def _sentence(part: Mapping[str, Any]) -> str:
    return say(
        "{count} predictions, {confidence} sure on average, {accuracy} right",
        count=wording.number(part["count"]),
        confidence=wording.percent(part["confidence"]),
        accuracy=wording.percent(part["accuracy"]),
    )


def _tick(value: float) -> str:
    return wording.number(round(value, 6), 0 if value == round(value) else 2)
