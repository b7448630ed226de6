"""Training with the rows of the embedding that occur, and no others.

A token that is in no training text gives its row no gradient, ever. For an optimiser that leaves such weights where
they are, the embedding can be cut down to the rows that do occur for as long as training lasts: the same numbers,
without clearing, clipping, moving and saving the rest. A few hundred texts use a tenth of a usual vocabulary.

Shapes: V tokens of the vocabulary, U rows in use, H hidden width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from afina.base.types import Segments
from afina.models.contract import Model

WORTHWHILE = 0.7
"""Share of the vocabulary in use above which nothing is cut."""


class UsedRows(nn.Module):
    """Stands in for an embedding; its `weight` (U, H) has the same name and fewer rows.

    Args:
        whole: The embedding.
        used_U: Sorted token ids that occur.
    """

    def __init__(self, whole: nn.Embedding, used_U: Tensor) -> None:
        super().__init__()
        self.place: Tensor
        self.weight = nn.Parameter(whole.weight.detach()[used_U].clone(), requires_grad=whole.weight.requires_grad)
        place_V = torch.full((whole.num_embeddings,), -1, dtype=torch.int64, device=used_U.device)
        place_V[used_U] = torch.arange(len(used_U), device=used_U.device)
        self.register_buffer("place", place_V, persistent=False)
        self.padding_place = None if whole.padding_idx is None else int(place_V[whole.padding_idx])

    def forward(self, input_ids_ST: Tensor) -> Tensor:
        """Return the rows of tokens, shape (S, T, H)."""
        return functional.embedding(self.place[input_ids_ST], self.weight, self.padding_place)


def occurring(texts: Sequence[Sequence[Segments]], also: Sequence[int]) -> np.ndarray:
    """Return the token ids that occur in encoded rows, and `also` these, sorted, each once."""
    documents = [document for rows in texts for row in rows for document in row.documents]
    return np.unique(np.concatenate([*documents, np.asarray(also, dtype=np.int32)]))


@contextmanager
def used_rows(model: Model, used: np.ndarray | None) -> Iterator[bool]:
    """Cut a model's embedding down to the rows `used` inside the context, and put what they learnt back at its end.

    Args:
        model: The model, tuning applied.
        used: Sorted token ids, no other of which may be read inside; None for all.

    Yields:
        Whether it was cut: not where the embedding stays as it is, is shared, scaled, or nearly all in use.
    """
    found = _embedding(model)
    if found is None or used is None or len(used) > WORTHWHILE * found[1].num_embeddings:
        yield False
        return
    path, whole = found
    used_U = torch.from_numpy(used.astype(np.int64)).to(whole.weight.device)
    parent, name = model.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2]
    cut = UsedRows(whole, used_U)
    setattr(parent, name, cut)
    try:
        yield True
    finally:
        with torch.no_grad():
            whole.weight[used_U] = cut.weight.detach()
        whole.weight.requires_grad_(cut.weight.requires_grad)
        setattr(parent, name, whole)


def _embedding(model: Model) -> tuple[str, nn.Embedding] | None:
    whole = model.encoder.get_input_embeddings()
    if type(whole) is not nn.Embedding or whole.max_norm is not None or not whole.weight.requires_grad:
        return None
    owners = [path for path, module in model.named_modules() if getattr(module, "weight", None) is whole.weight]
    return (owners[0], whole) if len(owners) == 1 else None
