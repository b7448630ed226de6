"""Partial fine-tuning: the last blocks and the head learn, everything below stays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import Choice, Selection
from afina.tuning.contract import Tunable
from afina.tuning.full import learning_rate


class Config(Section):
    """Move the last blocks of the base, and the head."""

    kind: Literal["last-blocks"] = "last-blocks"
    """The technique's name."""
    num_blocks: Annotated[int, Field(ge=1)] = 2
    """How many blocks move, counted from the top."""


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection(config.kind, lambda model: _choose(model, config))


def _choose(model: Tunable, config: Config) -> Choice:
    blocks = model.blocks
    if config.num_blocks > len(blocks.blocks):
        raise RecipeError(
            "E-TUNING-002",
            say(
                "The base has {num_blocks} blocks; the last {asked} cannot move.",
                num_blocks=len(blocks.blocks),
                asked=config.num_blocks,
            ),
            where="tuning.last-blocks.num_blocks",
            expected=f"1..{len(blocks.blocks)}",
        )
    moving = [name for block in blocks.blocks[-config.num_blocks :] for name in block]
    return Choice(frozenset([*moving, *blocks.top, *blocks.head]), *learning_rate(model))
