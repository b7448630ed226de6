"""A linear rise, then a linear fall to zero, as BERT is fine-tuned (Devlin et al. 2019, arXiv:1810.04805)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.engine.contract import Schedule
from afina.engine.schedules._warm_up import warm_up
from afina.recipe.section import Section


class Config(Section):
    """Rise, then fall in a straight line."""

    kind: Literal["linear"] = "linear"
    """The technique's name."""
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06
    """Share of the steps over which the rate rises, in [0, 1)."""


def build(config: Config) -> Schedule:
    """Return the schedule that `config` describes."""

    def factor(step: int, num_steps: int) -> float:
        rise, done = warm_up(step, num_steps, config.warm_up)
        return rise * (1.0 - done)

    return factor
