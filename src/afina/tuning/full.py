"""Full fine-tuning: every weight moves, the lower ones more slowly or not at all if so asked.

Discriminative learning rates are Howard and Ruder 2018 (arXiv:1801.06146, sec. 3.2); head first, then everything, is
LP-FT (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import SMALL_WIDTH, Choice, Selection, model_width
from afina.tuning.contract import Stage, Tunable
from afina.tuning.head import HEAD_LEARNING_RATE

HEAD_FIRST_SHARE = 0.2
"""Share of a run in which `head_first_epochs: auto` lets the head alone learn."""


class Config(Section):
    """Move every weight of the base, and the head."""

    kind: Literal["full"] = "full"
    """The technique's name."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Discriminative learning rates: each block learns at this factor of the block above it, in (0, 1]. 1 treats all
    alike; 0.9 to 0.95 is usual for BERT-sized encoders."""
    head_first_epochs: Literal["auto"] | Annotated[float, Field(ge=0.0, le=100.0)] = "auto"
    """Epochs in which the head alone learns, before everything does (LP-FT), so that a fresh head's first large
    gradients do not reach what the base knows. `auto` takes the first fifth of the run; 0 moves everything from the
    first step."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that stay as they are, embeddings included; 0 moves everything."""


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection("full", lambda model: _choose(model, config))


def _choose(model: Tunable, config: Config) -> Choice:
    units = model.blocks.units
    num_blocks = len(model.blocks.blocks)
    if config.freeze_blocks > num_blocks:
        raise RecipeError(
            "E-TUNING-001",
            say(
                "The base has {num_blocks} blocks; {asked} cannot be frozen.",
                num_blocks=num_blocks,
                asked=config.freeze_blocks,
            ),
            where="tuning.full.freeze_blocks",
            expected=f"0..{num_blocks}",
        )
    frozen = {f"block {depth}" for depth in range(config.freeze_blocks)} | (
        {"embeddings"} if config.freeze_blocks else set()
    )
    names = frozenset(name for unit, own in units.items() if unit not in frozen for name in own)
    scales = {f"block {depth}": config.layer_decay ** (num_blocks - 1 - depth) for depth in range(num_blocks)}
    scales["embeddings"] = config.layer_decay**num_blocks
    rate, reason = learning_rate(model)
    stages: tuple[Stage, ...] = ()
    if config.head_first_epochs:
        head = frozenset(model.blocks.head)
        epochs, share = (
            (None, HEAD_FIRST_SHARE) if config.head_first_epochs == "auto" else (config.head_first_epochs, None)
        )
        head_first = Stage(say("head first"), head, epochs, share, HEAD_LEARNING_RATE)
        stages = (head_first, Stage(say("everything"), names))
    return Choice(names, rate, reason, scales, stages)


def learning_rate(model: Tunable) -> tuple[float, str]:
    """Return what `auto` means when a block's matrices move, and the rule behind it."""
    if model_width(model) <= SMALL_WIDTH:
        return 5e-5, say(
            "a tenth of the rate small encoders are distilled at, 5e-4 (Wang et al. 2020, arXiv:2002.10957)"
        )
    return 2e-5, say(
        "about a tenth of the rates encoders are pre-trained at, 1e-4 to 6e-4, and BERT's own choice (arXiv:1810.04805)"
    )
