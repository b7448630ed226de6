"""Documents of a pack become sequences again above the blocks, where a model pools, classifies and predicts.

Embeddings and blocks see one sequence. What stands above them, transformers' own heads included, sees what it sees of a
padded batch: one sequence per document, cut down to the positions that are read.

Shapes: S sequences, T tokens, D documents, W positions read of a document, H hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from afina.base.types import Packing
from afina.models.contract import Model


class Unpacking:
    """A hook on a model; it acts inside `reading` alone.

    A network with a head of its own pools inside, so what its last block says is unpacked; otherwise what the network
    says.

    Args:
        model: The model, tuning applied.
    """

    def __init__(self, model: Model) -> None:
        self._packing: Packing | None = None
        place = model.block_modules[-1] if model.head is None else model.encoder
        self._handle = place.register_forward_hook(self._unpack)

    @contextmanager
    def reading(self, packing: Packing | None) -> Iterator[None]:
        """Let the model say documents one by one inside the context; None changes nothing."""
        self._packing = packing
        try:
            yield
        finally:
            self._packing = None

    def remove(self) -> None:
        """Take the hook away."""
        self._handle.remove()

    def _unpack(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if self._packing is None:
            return None
        if isinstance(output, Tensor):
            return self._documents(output)
        if isinstance(output, tuple):
            return (self._documents(output[0]), *output[1:])
        output.last_hidden_state = self._documents(output.last_hidden_state)
        return output

    def _documents(self, states_1TH: Tensor) -> Tensor:
        packing = self._packing
        assert packing is not None
        if len(states_1TH) != 1:
            raise NotImplementedError("blocks are run on something else than the pack")
        # Where the last block computed the graded positions alone, places count among them.
        is_whole = states_1TH.shape[1] == packing.num_tokens
        places_DW = packing.read if is_whole or packing.read_graded is None else packing.read_graded
        # An embedding's look-up, whose gradient is summed many rows at a time, unlike that of indexing.
        return functional.embedding(places_DW, states_1TH[0])
