"""Stochastic gradient descent with momentum, Nesterov's by default (Sutskever et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from afina.engine.contract import Optimizer, OptimizerMaker
from afina.engine.optimizers._groups import with_decay
from afina.recipe.section import Section

AUTO_SCALE = 100.0
"""How much larger `learning_rate: auto` is than AdamW's, whose steps do not depend on the gradient's size."""


class Config(Section):
    """Gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    """The technique's name."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Share of the last step that goes on, in [0, 1)."""
    nesterov: bool = True
    """Look ahead along the momentum before taking the gradient's word."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """L2 penalty on matrices; biases and norms never decay."""

    @property
    def leaves_untouched(self) -> bool:
        """Whether a weight that never has a gradient stays where it is."""
        return self.weight_decay == 0.0


def build(config: Config) -> OptimizerMaker:
    """Return the maker that `config` describes."""

    def make(groups: Sequence[Mapping[str, Any]]) -> Optimizer:
        decayed = with_decay(groups, config.weight_decay)
        nesterov = config.nesterov and config.momentum > 0
        return torch.optim.SGD(decayed, lr=0.0, momentum=config.momentum, nesterov=nesterov, fused=True)

    return make
