"""Norm tuning: the gains and shifts of the norms learn, and the head (Zhao et al. 2023, arXiv:2312.11420)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import Choice, Selection
from afina.tuning.contract import Tunable

if TYPE_CHECKING:
    from torch import nn


class Config(Section):
    """Move the base's normalisation layers, and the head."""

    kind: Literal["norm"] = "norm"
    """The technique's name."""


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection(config.kind, _choose)


def _choose(model: Tunable) -> Choice:
    head = frozenset(model.blocks.head)
    norms = frozenset(
        f"{path}.{name}"
        for path, module in model.named_modules()
        if is_norm(module)
        for name, _ in module.named_parameters()
    )
    if not norms:
        raise RecipeError(
            "E-TUNING-004", say("The base has no normalisation layers to tune."), where="tuning", mend="tuning: bias"
        )
    return Choice(
        norms | head,
        1e-3,
        say("ten to a hundred times full fine-tuning's rate, since so little moves (arXiv:2312.11420)"),
    )


def is_norm(module: nn.Module) -> bool:
    """Return whether a module normalises."""
    # Every model family writes its own RMSNorm; the name is what they share.
    return "Norm" in type(module).__name__ and not any(True for _ in module.children())
