"""Full fine-tuning: every weight moves, the lower ones more slowly or not at all if so asked.

Discriminative learning rates and gradual unfreezing are Howard and Ruder 2018 (arXiv:1801.06146, sec. 3.2 and 3.3);
head first, then everything, is LP-FT (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from afina.base.messages import say
from afina.recipe.section import Section
from afina.tuning._selection import SMALL_WIDTH, Choice, Selection, frozen_units, layer_scales, model_width
from afina.tuning.contract import Stage, Tunable
from afina.tuning.head import HEAD_LEARNING_RATE

HEAD_FIRST_SHARE = 0.2
"""Share of a run in which `head_first_epochs: auto` lets the head alone learn."""

UNFREEZING_SHARE = 0.5
"""Share of a run over which `gradual_unfreezing: auto` spreads every stage but the last."""


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
    gradual_unfreezing: Literal["off", "auto"] | Annotated[float, Field(gt=0.0, le=100.0)] = "off"
    """Thawing from the top: the head learns alone, then one block more joins in each stage, and in the last stage
    everything does, embeddings included (ULMFiT). A number is the epochs of each stage before the last, above 0 to 100;
    `auto` spreads those stages evenly over the first half of the run. It takes the place of `head_first_epochs`."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that stay as they are, embeddings included; 0 moves everything."""

    @model_validator(mode="after")
    def _thaws_in_one_way(self) -> Config:
        if self.gradual_unfreezing != "off" and self.head_first_epochs != "auto":
            raise ValueError(
                say(
                    "`gradual_unfreezing` begins with the head alone and says for how long: "
                    "leave `head_first_epochs` out, or set `gradual_unfreezing: off`."
                )
            )
        return self


def build(config: Config) -> Selection:
    """Return the tuning that `config` describes."""
    return Selection("full", lambda model: _choose(model, config))


def _choose(model: Tunable, config: Config) -> Choice:
    frozen = frozen_units(model, config.freeze_blocks, "tuning.full.freeze_blocks")
    names = frozenset(name for unit, own in model.blocks.units.items() if unit not in frozen for name in own)
    stages: tuple[Stage, ...] = ()
    if config.gradual_unfreezing != "off":
        stages = _thawing(model, names, config)
    elif config.head_first_epochs:
        stages = _head_first(model, names, config)
    return Choice(names, *learning_rate(model), layer_scales(model, config.layer_decay), stages)


def _head_first(model: Tunable, names: frozenset[str], config: Config) -> tuple[Stage, ...]:
    epochs, share = (None, HEAD_FIRST_SHARE) if config.head_first_epochs == "auto" else (config.head_first_epochs, None)
    head = frozenset(model.blocks.head)
    return Stage(say("head first"), head, epochs, share, HEAD_LEARNING_RATE), Stage(say("everything"), names)


def _thawing(model: Tunable, names: frozenset[str], config: Config) -> tuple[Stage, ...]:
    """Return a stage for the head, one for each further block from the top, and the last for all of `names`."""
    growing = frozenset(model.blocks.head)
    if growing == names:
        return ()
    moving = [(depth, block) for depth, block in enumerate(model.blocks.blocks) if names.intersection(block)]
    thawed: list[tuple[str, frozenset[str], float | None]] = [(say("head first"), growing, HEAD_LEARNING_RATE)]
    # What the base has above its blocks joins with the topmost; what it has below them, with the lowest.
    growing |= frozenset(model.blocks.top)
    for depth, block in reversed(moving[1:]):
        growing |= frozenset(block)
        thawed.append((say("from block {depth} up", depth=depth), growing, None))
    epochs, share = (
        (None, UNFREEZING_SHARE / len(thawed))
        if config.gradual_unfreezing == "auto"
        else (float(config.gradual_unfreezing), None)
    )
    stages = [Stage(name, own, epochs, share, rate) for name, own, rate in thawed]
    return (*stages, Stage(say("everything"), names))


def learning_rate(model: Tunable) -> tuple[float, str]:
    """Return what `auto` means when a block's matrices move, and the rule behind it."""
    if model_width(model) <= SMALL_WIDTH:
        return 5e-5, say(
            "a tenth of the rate small encoders are distilled at, 5e-4 (Wang et al. 2020, arXiv:2002.10957)"
        )
    return 2e-5, say(
        "about a tenth of the rates encoders are pre-trained at, 1e-4 to 6e-4, and BERT's own choice (arXiv:1810.04805)"
    )
