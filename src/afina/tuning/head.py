"""Linear probe: the head alone learns, on features that never change."""

from __future__ import annotations

from typing import Literal

from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import Choice, Selection
from afina.tuning.contract import Tunable

HEAD_LEARNING_RATE = 1e-2
"""Rate of a linear head on frozen features; the loss is convex there, so it can be large (SetFit's head uses the
same)."""


class Config(Section):
    """Move the head and nothing else."""

    kind: Literal["head"] = "head"
    """The technique's name."""


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection(config.kind, _choose)


def _choose(model: Tunable) -> Choice:
    reason = say(
        "a linear head on frozen features is a convex problem and bears a large rate (SetFit, arXiv:2209.11055)"
    )
    return Choice(frozenset(model.blocks.head), HEAD_LEARNING_RATE, reason)
