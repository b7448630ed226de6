"""The last block computes only the positions that are read.

A classifier with `cls` pooling reads position 0. Its last block needs keys and values of every position, but queries,
the output projection and the feed-forward part of that one alone. The block is handed only the graded positions, and
its key and value projections are handed all of them.

Models fold what a projection says by the number of positions that the block was handed, so keys and values of a pack
are filled up until they fold without a rest; the attention unfolds them, and reads none of what was filled in.

Shapes: S sequences, T tokens, G graded positions, H hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from afina.base.types import Packing

_KEYS = frozenset({"key", "k_proj", "k_lin"})
_VALUES = frozenset({"value", "v_proj", "v_lin"})


class GradedLastBlock:
    """Hooks on a model's last block; they act inside `reading` alone.

    Attributes:
        is_possible: Whether the block has the key and value projections that the hooks need.
    """

    def __init__(self, block: nn.Module) -> None:
        self._positions: Tensor | None = None
        self._all_STH: Tensor | None = None
        self._packing: Packing | None = None
        projections = [
            module
            for path, module in block.named_modules()
            if path.rsplit(".", 1)[-1] in _KEYS | _VALUES and _is_linear(module)
        ]
        self.is_possible = len(projections) == 2
        self._handles = []
        if self.is_possible:
            self._handles = [projection.register_forward_pre_hook(self._give_all) for projection in projections]
            self._handles += [projection.register_forward_hook(self._fill_up) for projection in projections]
            self._handles.append(block.register_forward_pre_hook(self._keep_graded, with_kwargs=True))

    @contextmanager
    def reading(self, positions_SG: Tensor | None, packing: Packing | None = None) -> Iterator[None]:
        """Let the last block compute only these positions inside the context; None computes all.

        Args:
            positions_SG: The graded positions.
            packing: Where documents lie, if they share the sequence.
        """
        self._positions, self._packing = positions_SG, packing
        try:
            yield
        finally:
            self._positions = self._all_STH = self._packing = None

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _keep_graded(
        self, block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if self._positions is None:
            return None
        states_STH = args[0] if args else kwargs["hidden_states"]
        self._all_STH = states_STH
        width = states_STH.shape[-1]
        graded_SGH = states_STH.gather(1, self._positions.unsqueeze(-1).expand(-1, -1, width))
        if args:
            return (graded_SGH, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": graded_SGH}

    def _give_all(self, projection: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return None if self._all_STH is None else (self._all_STH,)

    def _fill_up(self, projection: nn.Module, args: tuple[Tensor, ...], output_STH: Tensor) -> Tensor | None:
        if self._packing is None or self._positions is None:
            return None
        missing = -output_STH.shape[1] % self._positions.shape[1]
        return functional.pad(output_STH, (0, 0, 0, missing)) if missing else None


def _is_linear(module: nn.Module) -> bool:
    # A technique may have wrapped it: what PEFT puts in its place has the layer as `base_layer`.
    return isinstance(getattr(module, "base_layer", module), nn.Linear)
