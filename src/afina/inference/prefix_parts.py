"""The part of a model below everything that moves: run alone, or left out and spoken for.

Shapes: S sequences, T tokens, H hidden width, W numbers that stand for one position.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from afina.base.types import Batch
from afina.inference.graded import GradedLastBlock
from afina.models.contract import Model


class Part(Protocol):
    """A frozen part of a model."""

    name: str
    """What it is, in a key: `4 blocks`, `base`."""
    one_position: bool
    """Whether one position stands for a whole document."""

    @property
    def tensors(self) -> Iterator[Tensor]:
        """Yield every weight and buffer that what it says depends on."""
        ...

    def run(self, batch: Batch) -> Tensor:
        """Return what it says of a batch, shape (S, T, W), or (S, 1, W) where one position stands for all."""
        ...

    def saying(self, states_STW: Tensor) -> Any:
        """Return the context in which it says this, as `run` returned it last, instead of being computed."""
        ...

    def remove(self) -> None:
        """Leave the model as it was found."""
        ...


class StandIn:
    """Speaks for a module: where there is an answer, its forward is not run.

    Args:
        module: The module.
    """

    def __init__(self, module: nn.Module) -> None:
        self.answer: Any = None
        self._module, self._forward = module, module.forward
        module.forward = self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the answer, or what the module says."""
        return self._forward(*args, **kwargs) if self.answer is None else self.answer

    def remove(self) -> None:
        """Let the module speak for itself again."""
        del self._module.forward


class LowerBlocks:
    """The lowest blocks, and what is below them: each says what the highest of them says, since that alone is read.

    Args:
        model: The model.
        num_blocks: How many of its blocks, at least one.
    """

    one_position = False

    def __init__(self, model: Model, num_blocks: int) -> None:
        self.name = f"{num_blocks} blocks"
        self._model, self._num_blocks = model, num_blocks
        self._blocks = [StandIn(block) for block in model.block_modules[:num_blocks]]
        self._last = model.block_modules[num_blocks - 1]
        self._below = _holding(model, model.blocks.embeddings)
        self._embedding: StandIn | None = None
        self._beside: tuple[Any, ...] | None = None
        self._dtype = torch.float32

    @property
    def tensors(self) -> Iterator[Tensor]:
        """Yield every weight and buffer that what it says depends on."""
        parameters = dict(self._model.named_parameters())
        yield from (parameters[name] for name in self._model.blocks.embeddings)
        for block in self._model.block_modules[: self._num_blocks]:
            yield from block.parameters()
            yield from block.buffers()

    def run(self, batch: Batch) -> Tensor:
        """Return the hidden states that enter the block above, shape (S, T, H); nothing above is computed."""
        heard: list[Tensor] = []
        below = [] if self._below is None else [self._below.register_forward_hook(lambda _, __, out: heard.append(out))]
        handle = self._last.register_forward_hook(self._reach)
        try:
            self._model.features(batch)
        except _Reached as reached:
            states_STH = reached.states
        finally:
            for hook in (handle, *below):
                hook.remove()
        self._note_embedding(heard, states_STH)
        self._dtype = states_STH.dtype
        return states_STH

    @contextmanager
    def saying(self, states_STW: Tensor) -> Iterator[None]:
        """Let every block, and the embedding where it says hidden states too, say this inside the context."""
        states_STW = states_STW.to(self._dtype)
        for stand_in in self._blocks:
            stand_in.answer = states_STW if self._beside is None else (states_STW, *self._beside)
        if self._embedding is not None:
            self._embedding.answer = states_STW
        try:
            yield
        finally:
            for stand_in in (*self._blocks, *([self._embedding] if self._embedding else [])):
                stand_in.answer = None

    def remove(self) -> None:
        """Leave the model as it was found."""
        for stand_in in (*self._blocks, *([self._embedding] if self._embedding else [])):
            stand_in.remove()

    def _reach(self, block: nn.Module, args: Any, output: Any) -> None:
        self._beside = None
        if isinstance(output, tuple):
            output, *beside = output
            # Attention weights and the like, which nobody asked for; what there is nevertheless, nobody must need.
            self._beside = (None,) * len(beside)
        raise _Reached(output)

    def _note_embedding(self, heard: list[Tensor], states_STH: Tensor) -> None:
        """Let the embedding be left out as well, if what it says looks like hidden states; the self-test judges it."""
        if self._below is None or self._embedding is not None or len(heard) != 1:
            return
        if isinstance(heard[0], Tensor) and heard[0].shape == states_STH.shape:
            self._embedding = StandIn(self._below)


class WholeBase:
    """Everything below the head: it says what the head reads, one position for a document.

    Args:
        model: The model.
        graded: Lets the last block compute only the positions that are read, or None.
    """

    name = "base"
    one_position = True

    def __init__(self, model: Model, graded: GradedLastBlock | None) -> None:
        self._model, self._graded = model, graded
        self._base = StandIn(model.encoder)
        self._kind: Any = None
        self._said: dict[str, tuple[int, torch.dtype]] = {}

    @property
    def tensors(self) -> Iterator[Tensor]:
        """Yield every weight and buffer that what it says depends on."""
        yield from self._model.encoder.parameters()
        yield from self._model.encoder.buffers()

    def run(self, batch: Batch) -> Tensor:
        """Return what the head reads, shape (S, 1, W)."""
        heard: list[Any] = []
        handle = self._model.encoder.register_forward_hook(lambda _, __, output: heard.append(output))
        positions = None if self._graded is None else batch.graded
        try:
            with _reading(self._graded, positions):
                pooled_SH = self._model.features(replace(batch, owner=None))
        finally:
            handle.remove()
        output = heard[0]
        said = {"last_hidden_state": pooled_SH.unsqueeze(1)}
        if self._model.head is None and getattr(output, "pooler_output", None) is not None:
            said["pooler_output"] = output.pooler_output.unsqueeze(1)
        self._kind = type(output)
        self._said = {name: (value.shape[-1], value.dtype) for name, value in said.items()}
        return torch.cat(list(said.values()), -1)

    @contextmanager
    def saying(self, states_STW: Tensor) -> Iterator[None]:
        """Let the base say this inside the context."""
        pieces = torch.split(states_STW, [width for width, _ in self._said.values()], -1)
        said = {name: piece.to(dtype) for (name, (_, dtype)), piece in zip(self._said.items(), pieces, strict=True)}
        if "pooler_output" in said:
            said["pooler_output"] = said["pooler_output"].squeeze(1)
        self._base.answer = self._kind(**said)
        try:
            yield
        finally:
            self._base.answer = None

    def remove(self) -> None:
        """Leave the model as it was found."""
        self._base.remove()


class _Reached(Exception):
    """Not an error: the way out of a forward pass that has said enough."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


@contextmanager
def _reading(graded: GradedLastBlock | None, positions: Tensor | None) -> Iterator[None]:
    if graded is None:
        yield
        return
    with graded.reading(positions):
        yield


def _holding(model: Model, names: tuple[str, ...]) -> nn.Module | None:
    """Return the module that holds all these parameters and no block, or None."""
    path = os.path.commonpath([name.replace(".", "/") for name in names]).replace("/", ".") if names else ""
    module = dict(model.named_modules()).get(path)
    if module is None:
        # A single parameter is its own common path.
        module = dict(model.named_modules()).get(path.rpartition(".")[0])
    if module is None or not names:
        return None
    inside = {id(child) for child in module.modules()}
    return None if any(id(block) in inside for block in model.block_modules) else module
