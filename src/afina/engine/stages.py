"""A tuning's stages laid over the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afina.base.errors import RecipeError
from afina.base.messages import say
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
    """Return the stages with their steps.

    Args:
        stages: In order; the last, without a length, takes the rest.
        steps_per_epoch: Optimiser steps of one pass.
        num_steps: Optimiser steps of the run.

    Raises:
        RecipeError: If a stage is left without a step: a run that ends there would not be what was asked for.
    """
    result: list[Span] = []
    start = 0
    # A share is a matter of taste, so a run of a single step leaves it to the stage that follows; stages that build
    # on each other were asked for, every one of them.
    may_skip = len(stages) == 2 and stages[0].share is not None
    for stage in stages:
        stop = min(start + _length(stage, steps_per_epoch, num_steps), num_steps)
        if stop > start:
            result.append(Span(stage, start, stop))
        elif stage is stages[-1] or not may_skip:
            raise _too_short(stage, stages, steps_per_epoch, num_steps)
        start = stop
    return result


def _length(stage: Stage, steps_per_epoch: int, num_steps: int) -> int:
    if stage.epochs is not None:
        return round(stage.epochs * steps_per_epoch)
    if stage.share is None:
        return num_steps
    return min(max(1, round(stage.share * num_steps)), num_steps - 1)


def _too_short(stage: Stage, stages: Sequence[Stage], steps_per_epoch: int, num_steps: int) -> RecipeError:
    before = sum(_length(other, steps_per_epoch, num_steps) for other in stages[:-1])
    return RecipeError(
        "E-TUNING-005",
        say("The stage {name} gets none of the run's {steps} steps.", name=repr(stage.name), steps=num_steps),
        where="tuning",
        expected=say(
            "at least one step for each of the {count} stages; those before the last take {before} of the run's "
            "{epochs} epochs",
            count=len(stages),
            before=f"{before / steps_per_epoch:.3g}",
            epochs=f"{num_steps / steps_per_epoch:.3g}",
        ),
        mend=say("Train for more epochs, or change the length of the stages before the last."),
    )
