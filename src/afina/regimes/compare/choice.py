"""Which learning rate an entry keeps: the one that was best on the validation rows; test rows are not looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from afina.base import events
from afina.metrics.score import is_higher_better
from afina.run.folder import RunFolder

Validation = tuple[float, float]
"""Score, more is better, and minus the loss."""


def validation(run: RunFolder) -> Validation | None:
    """Return what the weights that a run kept reached on its validation rows, or None when it was never judged."""
    best_step: int | None = None
    found: dict[int | None, dict[str, Any]] = {}
    for event in events.read(run.events):
        if event["kind"] == "evaluation" and event.get("split") == "validation":
            found[event.get("step")] = event
        elif event["kind"] == "fit_end":
            best_step = event.get("best_step")
    kept = found.get(best_step)
    if kept is None:
        return None
    for metric, value in (kept.get("metrics") or {}).items():
        sign = 1 if is_higher_better(metric) else -1
        return sign * events.number(value), -events.number(kept["loss"])
    return None


def best(found: Sequence[Validation | None]) -> int | None:
    """Return the position of the best, the first of equals; None when none was judged."""
    judged = [(value, -place) for place, value in enumerate(found) if value is not None]
    return -max(judged)[1] if judged else None
