"""Muon: momentum made orthogonal, for the matrices of the blocks; AdamW for everything else.

Jordan 2024; scaled as in Liu et al. 2025, arXiv:2502.16982.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from afina.engine.contract import Optimizer, OptimizerMaker
from afina.engine.optimizers._groups import with_decay
from afina.recipe.section import Section


class Config(Section):
    """Orthogonal momentum for matrices."""

    kind: Literal["muon"] = "muon"
    """The technique's name."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.95
    """Share of the last step that goes on, in [0, 1)."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    """Decoupled weight decay of matrices; biases and norms never decay."""

    @property
    def leaves_untouched(self) -> bool:
        """Whether a weight that never has a gradient stays where it is."""
        return self.weight_decay == 0.0


def build(config: Config) -> OptimizerMaker:
    """Return the maker that `config` describes."""

    def make(groups: Sequence[Mapping[str, Any]]) -> Optimizer:
        matrices: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for group, decayed in zip(groups, with_decay(groups, config.weight_decay), strict=True):
            # Embeddings and heads are tables of independent rows, which orthogonality does not suit; blocks hold the
            # rest.
            in_block = str(group.get("name", "")).startswith("block")
            wanted = in_block and all(parameter.ndim == 2 for parameter in group["params"])
            (matrices if wanted else others).append(decayed)
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            # Scaled so that its updates have the size of AdamW's, the same learning rate suits both.
            parts.append(torch.optim.Muon(matrices, momentum=config.momentum, adjust_lr_fn="match_rms_adamw"))
        if others:
            parts.append(torch.optim.AdamW(others, fused=True))
        return Together(parts, [id(group["params"][0]) for group in groups])

    return make


class Together:
    """Several optimisers that step as one; groups keep the order in which they were asked for."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer], order: Sequence[int]) -> None:
        self.parts = parts
        self._order = order

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of every part, as they are now: a part that loads a state replaces its own."""
        by_first = {id(group["params"][0]): group for part in self.parts for group in part.param_groups}
        return [by_first[first] for first in self._order]

    @property
    def state(self) -> Mapping[Any, Any]:
        """The state of every part, by parameter; a copy, to be read alone."""
        return {parameter: state for part in self.parts for parameter, state in part.state.items()}

    def step(self) -> None:
        """Take one step with every part."""
        for part in self.parts:
            part.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every part."""
        for part in self.parts:
            part.zero_grad(set_to_none=set_to_none)
