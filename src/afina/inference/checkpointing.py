"""Gradient checkpointing: a block keeps its input alone, and is computed again when the backward pass comes to it.

It costs one more forward pass of those blocks, and memory grows with a block's input instead of with everything inside
it (Chen et al. 2016, arXiv:1604.06174, sec. 4.1, one segment per block). Two kinds of blocks are left alone. Below the
lowest weight that moves nothing is kept anyway, so nothing is computed again there. The topmost block is where the
backward pass begins: what it keeps would be there again at once.

Dropout draws the same mask both times, and the random state that follows is the one that would have been.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import Cache

from afina.models.contract import Model

Setting = Literal["auto", "on", "off"]
"""What a recipe says; `auto` that nobody has decided yet is off."""


class Recomputed:
    """Stands in for a block's forward: where a gradient will pass, the block keeps its input alone.

    Args:
        block: The block.
    """

    def __init__(self, block: nn.Module) -> None:
        self._block, self._forward = block, block.forward
        block.forward = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the block says."""
        if not (torch.is_grad_enabled() and self._learns((*args, *kwargs.values()))):
            return self._forward(*args, **kwargs)
        return checkpoint(self._again, *args, use_reentrant=False, **kwargs)

    def remove(self) -> None:
        """Give the block its own forward back."""
        if getattr(self._forward, "__self__", None) is self._block:
            del self._block.forward
        else:
            self._block.forward = self._forward

    def _learns(self, given: Iterable[Any]) -> bool:
        """Return whether a gradient passes: to a weight of the block, or through it to one below."""
        parameters: Iterable[Any] = self._block.parameters()
        inputs = (value for value in given if isinstance(value, Tensor))
        return any(tensor.requires_grad for tensor in (*inputs, *parameters))

    def _again(self, *args: Any, **kwargs: Any) -> Any:
        # A block writes its keys and values into the cache that it is handed; the second time it must find it as it
        # was the first.
        return self._forward(*map(_fresh, args), **{name: _fresh(value) for name, value in kwargs.items()})


@contextmanager
def recomputed(model: Model, setting: Setting) -> Iterator[None]:
    """Compute blocks again on the way back inside the context, where `setting` is `on`.

    Gradients, dropout masks and the random state afterwards are what they are without it.

    Args:
        model: The model, tuning applied.
        setting: `on`; anything else changes nothing.
    """
    blocks = model.block_modules[:-1] if setting == "on" else []
    # A block in and below which nothing ever moves is none of ours: it may be left out altogether.
    lowest = next((depth for depth, block in enumerate(blocks) if _moves(model, depth, block)), len(blocks))
    stand_ins = [Recomputed(block) for block in blocks[lowest:]]
    try:
        yield
    finally:
        for stand_in in reversed(stand_ins):
            stand_in.remove()


def _moves(model: Model, depth: int, block: nn.Module) -> bool:
    parameters = dict(model.named_parameters())
    below = [parameters[name] for name in model.blocks.embeddings] if depth == 0 else []
    return any(parameter.requires_grad for parameter in (*below, *block.parameters()))


def _fresh(value: Any) -> Any:
    if not isinstance(value, Cache):
        return value
    fresh = copy.copy(value)
    fresh.layers = [copy.copy(layer) for layer in value.layers]
    return fresh
