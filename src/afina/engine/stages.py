"""A tuning's stages laid over the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afina.tuning.contract import Stage


@dataclass(frozen=True, slots=True)
class Span:
    """The steps of one stage.

    Attributes:
        stage: The stage.
        start: Its first step, counted from 0.
        stop: The step after its last.
    """

    stage: Stage
    start: int
    stop: int


def spans(stages: Sequence[Stage], steps_per_epoch: int, num_steps: int) -> list[Span]:
    """Return the stages with their steps; those that would begin after the run's end are left out.

    Args:
        stages: In order; the last, without a length, takes the rest.
        steps_per_epoch: Optimiser steps of one pass.
        num_steps: Optimiser steps of the run.
    """
    result: list[Span] = []
    start = 0
    for stage in stages:
        wanted = start + _length(stage, steps_per_epoch, num_steps)
        stop = min(wanted, num_steps)
        if stop > start:
            result.append(Span(stage, start, stop))
        start = stop
    return result


def _length(stage: Stage, steps_per_epoch: int, num_steps: int) -> int:
    if stage.epochs is not None:
        return round(stage.epochs * steps_per_epoch)
    return num_steps if stage.share is None else max(1, round(stage.share * num_steps))
