"""A linear rise, then half a cosine down (Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from afina.engine.contract import Schedule
from afina.engine.schedules._warm_up import warm_up
from afina.recipe.section import Section


class Config(Section):
    """Rise, then fall like a cosine."""

    kind: Literal["cosine"] = "cosine"
    """The technique's name."""
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.06
    """Share of the steps over which the rate rises, in [0, 1)."""
    floor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the full rate that is left at the end, in [0, 1]."""


def build(config: Config) -> Schedule:
    """Return the schedule that `config` describes."""

    def factor(step: int, num_steps: int) -> float:
        rise, done = warm_up(step, num_steps, config.warm_up)
        return rise * (config.floor + (1 - config.floor) * (1 + math.cos(math.pi * done)) / 2)

    return factor
