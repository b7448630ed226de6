"""Adafactor: second moments kept as a row and a column (Shazeer and Stern 2018, arXiv:1804.04235)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from afina.engine.contract import Optimizer, OptimizerMaker
from afina.engine.optimizers._groups import with_decay
from afina.recipe.section import Section


class Config(Section):
    """Adaptive steps in a fraction of Adam's memory."""

    kind: Literal["adafactor"] = "adafactor"
    """The technique's name."""
    beta2_decay: Annotated[float, Field(lt=0.0)] = -0.8
    """How fast the memory of squared gradients grows; -0.8 in the paper."""
    learning_rate_factor: Annotated[float, Field(gt=0.0)] = 20.0
    """Adafactor moves relative to the size of the weights; an encoder's are about 1/20, so that with this factor a
    learning rate means what it means for AdamW."""
    clip_threshold: Annotated[float, Field(ge=1.0)] = 1.0
    """Largest root mean square of an update."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Decoupled weight decay of matrices; biases and norms never decay."""


def build(config: Config) -> OptimizerMaker:
    """Return the maker that `config` describes."""

    def make(groups: Sequence[Mapping[str, Any]]) -> Optimizer:
        decayed = with_decay(groups, config.weight_decay, factor=config.learning_rate_factor)
        return torch.optim.Adafactor(decayed, beta2_decay=config.beta2_decay, d=config.clip_threshold)

    return make
