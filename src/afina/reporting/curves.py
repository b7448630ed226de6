"""The course of a training, read from its events: losses, scores, learning rate, checkpoints, notes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from afina.base.messages import say

Points = tuple[tuple[float, float], ...]
"""(step, value) in order of steps; every value is finite."""

_MOST_POINTS = 400
_SMOOTHING_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What happened at which optimiser step.

    Attributes:
        num_steps: Steps planned, or None when training never began.
        num_epochs: Epochs planned.
        last_step: The last step that was taken.
        train_loss: Loss of each step.
        learning_rate: Learning rate of each step.
        validation_loss: Loss on the validation split.
        validation_metrics: Scores on the validation split, by name.
        best_step: The step whose weights were kept.
        end_reason: Why training ended, or None when it did not end by itself.
        checkpoints: (step, path) of every checkpoint written.
        notes: Notes, warnings, memory shortages and changes of stage, as (level, step, text).
        rows_per_s: Median training speed.
        mixture: Weight-space mix that was kept (`alpha`) and the scores of those tried (`curve`), or None.
    """

    num_steps: int | None = None
    num_epochs: float | None = None
    last_step: int | None = None
    train_loss: Points = ()
    learning_rate: Points = ()
    validation_loss: Points = ()
    validation_metrics: Mapping[str, Points] = field(default_factory=dict)
    best_step: int | None = None
    end_reason: str | None = None
    checkpoints: tuple[tuple[int, str], ...] = ()
    notes: tuple[tuple[str, int | None, str], ...] = ()
    rows_per_s: float | None = None
    mixture: Mapping[str, Any] | None = None


def read_curves(events: Iterable[Mapping[str, Any]]) -> Curves:
    """Return the course of a run from its events; steps that were repeated after a resume count once, the last time."""
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        by_kind.setdefault(str(event.get("kind")), []).append(event)
    steps = by_kind.get("step", [])
    evaluations = [event for event in by_kind.get("evaluation", []) if event.get("split", "validation") == "validation"]
    start = (by_kind.get("fit_start") or [{}])[-1]
    end = (by_kind.get("fit_end") or [{}])[-1]
    return Curves(
        num_steps=start.get("num_steps"),
        num_epochs=start.get("epochs"),
        last_step=max((int(event["step"]) for event in steps if "step" in event), default=None),
        train_loss=_series(steps, "loss"),
        learning_rate=_series(steps, "learning_rate"),
        validation_loss=_series(evaluations, "loss"),
        validation_metrics=_metrics(evaluations),
        best_step=end.get("best_step"),
        end_reason=end.get("reason"),
        checkpoints=tuple((int(e.get("step", 0)), str(e.get("path", ""))) for e in by_kind.get("checkpoint", [])),
        notes=_notes(by_kind),
        rows_per_s=_median([value for _, value in _series(steps, "rows_per_s")]),
        mixture=by_kind["mixture"][-1] if "mixture" in by_kind else None,
    )


def smooth(points: Points) -> Points:
    """Return the mean around each step, over a tenth of the curve at most, narrower where the curve begins steeply.

    All steps are known here, so the mean looks both ways and, unlike a moving average, does not lag behind.
    """
    sums = [0.0]
    for _, value in points:
        sums.append(sums[-1] + value)
    widest = max(1, round(_SMOOTHING_SHARE * len(points)))
    smoothed = []
    for index, (step, _) in enumerate(points):
        reach = min(widest, index)
        low, high = index - reach, min(len(points), index + reach + 1)
        smoothed.append((step, (sums[high] - sums[low]) / (high - low)))
    return tuple(smoothed)


def thin(points: Points, most: int = _MOST_POINTS) -> Points:
    """Return at most `most` points: the mean of each of as many equal stretches, so that a long run stays small."""
    if len(points) <= most:
        return points
    edges = [round(index * len(points) / most) for index in range(most + 1)]
    stretches = [points[low:high] for low, high in zip(edges, edges[1:], strict=False)]
    return tuple((part[-1][0], sum(value for _, value in part) / len(part)) for part in stretches)


def _series(events: list[Mapping[str, Any]], name: str) -> Points:
    values = {event.get("step"): event.get(name) for event in events}
    return tuple(sorted((float(step), float(value)) for step, value in values.items() if _real(step) and _real(value)))  # type: ignore[arg-type]


def _metrics(evaluations: list[Mapping[str, Any]]) -> dict[str, Points]:
    rows = [{"step": event.get("step"), **dict(event.get("metrics") or {})} for event in evaluations]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "step"))
    return {name: _series([row for row in rows if name in row], name) for name in names}


def _notes(by_kind: Mapping[str, list[Mapping[str, Any]]]) -> tuple[tuple[str, int | None, str], ...]:
    notes = [
        (str(e.get("level", "info")), e.get("step"), " ".join(str(e[k]) for k in ("code", "message") if e.get(k)))
        for e in by_kind.get("note", [])
    ]
    for event in by_kind.get("out_of_memory", []):
        rows = event.get("micro_batch_size")
        text = say("Memory ran out; from here on the model sees {rows} rows at a time. Steps are the same.", rows=rows)
        notes.append(("warn", event.get("step"), text))
    return tuple(notes)


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
