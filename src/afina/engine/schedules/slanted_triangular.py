"""Slanted triangular: a short steep rise and a long fall (Howard and Ruder 2018, arXiv:1801.06146, eq. 3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.engine.contract import Schedule
from afina.recipe.section import Section


class Config(Section):
    """Rise fast, then fall slowly."""

    kind: Literal["slanted-triangular"] = "slanted-triangular"
    """The technique's name."""
    cut: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Share of the steps over which the rate rises, in (0, 1)."""
    ratio: Annotated[float, Field(ge=1.0)] = 32.0
    """How many times smaller the lowest rate is than the highest."""


def build(config: Config) -> Schedule:
    """Return the schedule that `config` describes."""

    def factor(step: int, num_steps: int) -> float:
        cut = max(1, int(num_steps * config.cut))
        done = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / config.cut - 1))
        return (1 + max(0.0, done) * (config.ratio - 1)) / config.ratio

    return factor
