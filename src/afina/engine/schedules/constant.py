"""A constant learning rate, after a linear rise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.engine.contract import Schedule
from afina.engine.schedules._warm_up import warm_up
from afina.recipe.section import Section


class Config(Section):
    """Rise, then stay."""

    kind: Literal["constant"] = "constant"
    """The technique's name."""
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the steps over which the rate rises, in [0, 1)."""


def build(config: Config) -> Schedule:
    """Return the schedule that `config` describes."""
    return lambda step, num_steps: warm_up(step, num_steps, config.warm_up)[0]
