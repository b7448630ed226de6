"""AdamW: adaptive moments with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from afina.engine.contract import Optimizer, OptimizerMaker
from afina.engine.optimizers._groups import with_decay
from afina.recipe.section import Section


class Config(Section):
    """AdamW in one fused kernel."""

    kind: Literal["adamw"] = "adamw"
    """The technique's name."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Decay of the mean of gradients, in [0, 1)."""
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay of the mean of squared gradients, in [0, 1)."""
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-8
    """Smallest denominator."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Decoupled weight decay of matrices; biases and norms never decay. 0 by default: decay pulls a tuned model away
    from its base towards zero, where `retention: l2-sp` pulls it towards the base."""

    @property
    def leaves_untouched(self) -> bool:
        """Whether a weight that never has a gradient stays where it is."""
        return self.weight_decay == 0.0


def build(config: Config) -> OptimizerMaker:
    """Return the maker that `config` describes."""

    def make(groups: Sequence[Mapping[str, Any]]) -> Optimizer:
        decayed = with_decay(groups, config.weight_decay)
        return torch.optim.AdamW(decayed, betas=(config.beta1, config.beta2), eps=config.epsilon, fused=True)

    return make
