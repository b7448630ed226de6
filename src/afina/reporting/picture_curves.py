"""The picture of the training: loss, validation score and learning rate over the same steps, the best one marked."""

from __future__ import annotations

from collections.abc import Sequence

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.curves import Curves, Points, smooth, thin
from afina.reporting.page import table, twin
from afina.reporting.svg import Scale, dot, line, picture, tag, ticks, words

_WIDTH = 400.0
_LEFT = 46.0
_TABLE_ROWS = 40


def curves_picture(curves: Curves) -> str:
    """Return the three panels, or nothing when not one step was taken."""
    steps = [step for step, _ in (*curves.train_loss, *curves.validation_loss)]
    if not steps:
        return ""
    across = Scale(0, max([*steps, float(curves.best_step or 0)]), _LEFT, _WIDTH - 6)
    marks, bottom = _losses(curves, across)
    name, scores = main_metric(curves)
    if scores:
        panel, bottom = _panel(
            say("{metric} on validation", metric=measures.title(name)), scores, across, bottom + 34, name
        )
        marks += panel
    if curves.learning_rate:
        panel, bottom = _panel(say("learning rate"), thin(curves.learning_rate), across, bottom + 34, "")
        marks += panel
    marks += _steps(across, bottom) + _best(curves, across, bottom)
    drawing = picture(_WIDTH, bottom + 34, say("Losses, scores and learning rate over the training steps"), marks)
    return drawing + twin(_table(curves))


def main_metric(curves: Curves) -> tuple[str, Points]:
    """Return the first validation score that is not a loss, and its points."""
    for name, points in curves.validation_metrics.items():
        if points and name != "loss":
            return name, points
    return "", ()


def _losses(curves: Curves, across: Scale) -> tuple[list[str], float]:
    top, bottom = 30.0, 216.0
    raw = thin(curves.train_loss)
    calm = thin(smooth(curves.train_loss))
    seen = [value for _, value in (*calm, *curves.validation_loss)]
    # The raw curve may leave the panel: one spike must not flatten everything else.
    ordered = sorted(value for _, value in raw) or seen
    low = min(seen + ordered[len(ordered) // 50 : len(ordered) // 50 + 1])
    high = max(seen + ordered[-1 - len(ordered) // 50 :][:1])
    low = 0.0 if low >= 0 and low < 0.4 * high else low
    up = Scale(low, high if high > low else low + 1.0, bottom, top)
    marks = [
        words(0, 12, say("loss"), "panel"),
        *_legend(curves),
        *_grid(up, lambda value: wording.number(value, _digits(up))),
    ]
    marks.append(
        tag("clipPath", tag("rect", x=_LEFT, y=top - 6, width=_WIDTH - _LEFT, height=bottom - top + 8), id="losses")
    )
    if raw:
        marks.append(line([(across(x), up(y)) for x, y in raw], "raw", clip_path="url(#losses)"))
        marks.append(line([(across(x), up(y)) for x, y in calm], "smooth"))
    if curves.validation_loss:
        marks += _dotted(curves.validation_loss, across, up, "validation")
    return marks, bottom


def _panel(title: str, points: Points, across: Scale, top: float, metric: str) -> tuple[list[str], float]:
    bottom = top + (62.0 if metric else 34.0)
    values = [value for _, value in points]
    low, high = min(values), max(values)
    if not metric:
        low = 0.0
    margin = (high - low) * 0.08 or (abs(high) * 0.1 or 0.1)
    up = Scale(low - (margin if metric else 0.0), high + margin, bottom, top + 8)
    written = (lambda value: measures.value(metric, value)) if metric else wording.scientific
    marks = [words(0, top - 6, title, "panel")]
    for value in (low, high) if high > low else (high,):
        marks.append(line([(_LEFT, up(value)), (_WIDTH - 6, up(value))], "grid"))
        marks.append(words(_LEFT - 7, up(value) + 4, written(value), anchor="end"))
    if metric:
        marks += _dotted(points, across, up, "validation")
    else:
        marks.append(line([(across(x), up(y)) for x, y in points], "rate"))
    return marks, bottom


def _dotted(points: Points, across: Scale, up: Scale, class_: str) -> list[str]:
    placed = [(across(x), up(y)) for x, y in points]
    radius = 2.6 if len(points) <= 40 else 1.4
    marks = [dot(x, y, radius, f"{class_}-dot") for x, y in placed] if len(points) <= 120 else []
    return [line(placed, class_), *marks] if len(placed) > 1 else marks


def _legend(curves: Curves) -> list[str]:
    entries = []
    if curves.train_loss:
        entries.append(("smooth", say("training")))
    if curves.validation_loss:
        entries.append(("validation", say("validation")))
    marks: list[str] = []
    right = _WIDTH - 6
    for class_, name in reversed(entries):
        width = 5.4 * len(name)
        marks.append(words(right, 12, name, anchor="end"))
        marks.append(line([(right - width - 20, 8), (right - width - 6, 8)], class_))
        right -= width + 36
    return marks


def _grid(up: Scale, written: object) -> list[str]:
    marks = []
    for value in ticks(up.low, up.high, 4):
        marks.append(line([(_LEFT, up(value)), (_WIDTH - 6, up(value))], "grid"))
        marks.append(words(_LEFT - 7, up(value) + 4, written(value), anchor="end"))  # type: ignore[operator]
    return marks


def _digits(scale: Scale) -> int:
    places: Sequence[float] = ticks(scale.low, scale.high, 4)
    step = abs(places[1] - places[0]) if len(places) > 1 else scale.high - scale.low
    return next((digits for digits in range(6) if abs(step * 10**digits - round(step * 10**digits)) < 1e-6), 6)


def _steps(across: Scale, bottom: float) -> list[str]:
    base = bottom + 6
    marks = [line([(_LEFT, base), (_WIDTH - 6, base)], "axis")]
    places = [place for place in ticks(0, across.high, 5) if place == round(place)]
    for place in places:
        marks.append(words(across(place), base + 17, wording.number(round(place)), anchor="middle"))
    marks.append(words(0, base + 17, say("step")))
    return marks


def _best(curves: Curves, across: Scale, bottom: float) -> list[str]:
    if curves.best_step is None:
        return []
    place = across(curves.best_step)
    word = say("best: step {step}", step=wording.number(curves.best_step))
    anchor = "end" if place > _WIDTH * 0.6 else "start"
    return [
        line([(place, 24), (place, bottom + 6)], "best"),
        words(place + (-6 if anchor == "end" else 6), 30, word, "best-word", anchor),
    ]


def _table(curves: Curves) -> str:
    name, scores = main_metric(curves)
    train, rate = dict(thin(curves.train_loss, _TABLE_ROWS)), dict(curves.learning_rate)
    loss, score = dict(curves.validation_loss), dict(scores)
    steps = sorted({*train, *loss, *score})
    headings = [
        say("Step"),
        say("Training loss"),
        say("Validation loss"),
        measures.title(name) or say("Score"),
        say("Learning rate"),
    ]
    rows = [
        (
            wording.number(round(step)),
            _or_blank(train.get(step)),
            _or_blank(loss.get(step)),
            measures.value(name, score[step]) if step in score else "",
            wording.scientific(rate[step]) if step in rate else "",
        )
        for step in steps[:500]
    ]
    return table(headings, rows)


def _or_blank(value: float | None) -> str:
    return "" if value is None else wording.number(value, 4)
