"""BitFit: the bias terms and the head learn (Ben Zaken et al. 2022, arXiv:2106.10199)."""

from __future__ import annotations

from typing import Literal

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import Choice, Selection
from afina.tuning.contract import Tunable


class Config(Section):
    """Move the base's bias terms, and the head."""

    kind: Literal["bias"] = "bias"
    """The technique's name."""


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection(config.kind, _choose)


def _choose(model: Tunable) -> Choice:
    head = frozenset(model.blocks.head)
    biases = frozenset(name for name, _ in model.named_parameters() if name.endswith(".bias") and name not in head)
    if not biases:
        raise RecipeError(
            "E-TUNING-003",
            say("The base has no bias terms to tune."),
            where="tuning",
            mend="tuning: norm",
        )
    # A base may carry parts that nothing reads; they have no depth and do not move.
    reachable = frozenset(name for names in model.blocks.units.values() for name in names)
    return Choice(
        (biases & reachable) | head,
        1e-3,
        say("ten to a hundred times full fine-tuning's rate, since so little moves (arXiv:2106.10199)"),
    )
