"""What attention has to compute of a pack: which queries look at which keys, cut into products.

Documents of one length that stand side by side are one batched product, a document alone is one, and a long document is
cut into stretches of queries, each with the keys that any of them sees. Keys of a shared prefix are read where they
stand, by every continuation.

What a query may see is asked of the function that transformers made for the model (causal, sliding window, both ways),
at positions counted in the query's own document. So every pattern of positions alone is understood, and none is listed
here.

Shapes: K stretches, L queries, M keys, R documents of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.masking_utils import bidirectional_mask_function

from afina.base.types import Packing

LONGEST_KEPT = 512
"""Keys up to which attention weights are kept for the backward pass; beyond, they are computed again there."""

QUERIES_AT_ONCE = 128
"""Queries of a long document that are computed at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One product: `count` documents of one length, side by side.

    Attributes:
        count: R.
        queries: Where their queries stand.
        keys: Where their own keys stand.
        prefix: Where the keys stand that they go on from; empty for none.
        hidden: True where a query does not see a key, shape (L, M) or (R, 1, L, M); None where all is seen.
        is_kept: Whether its weights are kept for the backward pass.
    """

    count: int
    queries: slice
    keys: slice
    prefix: slice
    hidden: Tensor | None
    is_kept: bool

    @property
    def num_keys(self) -> int:
        """Keys that each document's queries look at."""
        own, shared = self.keys.stop - self.keys.start, self.prefix.stop - self.prefix.start
        return int(own // self.count + shared)


class Pattern:
    """Who sees whom in a pack. It goes through a model in the place of a mask.

    Args:
        packing: Where documents lie.
        graded: Places of the graded positions, ascending, shape (G,), on the CPU; None when every position is one.
        may_see: The function that says whether a query sees a key, by positions in a document.

    Raises:
        NotImplementedError: If documents go on from a prefix, but positions see what comes after them.
    """

    def __init__(self, packing: Packing, graded: np.ndarray | None, may_see: Callable[..., Any]) -> None:
        self.packing = packing
        self._graded = graded
        self._may_see = may_see
        self._sees_all = may_see is bidirectional_mask_function
        if bool((packing.prefixes >= 0).any()) and not self._is_hidden(np.zeros(1), np.ones(1)):
            raise NotImplementedError("a prefix is shared only where positions do not see what comes after them")

    def runs(self, num_queries: int) -> tuple[Run, ...]:
        """Return the products for so many queries: those of every position, or of the graded ones.

        Raises:
            NotImplementedError: If the number of queries is neither.
        """
        if num_queries == self.packing.num_tokens:
            return self._whole
        if self._graded is not None and num_queries == len(self._graded):
            return self._cut
        raise NotImplementedError(f"attention was asked for {num_queries} positions of a pack")

    @cached_property
    def _whole(self) -> tuple[Run, ...]:
        starts, lengths = self.packing.starts, self.packing.lengths
        return tuple(self._over(starts, [np.arange(length) for length in lengths]))

    @cached_property
    def _cut(self) -> tuple[Run, ...]:
        assert self._graded is not None
        edges = np.searchsorted(self._graded, [*self.packing.starts, self.packing.num_tokens])
        own = [self._graded[low:high] for low, high in zip(edges, edges[1:], strict=False)]
        within = [places - start for places, start in zip(own, self.packing.starts, strict=True)]
        return tuple(self._over(edges[:-1], within))

    def _over(self, first: np.ndarray, within: list[np.ndarray]) -> Iterator[Run]:
        """Yield the runs of queries that stand at `first` for each stretch, at places `within` it."""
        packing = self.packing

        def alike(place: int) -> tuple[int, ...]:
            length, prefix = int(packing.lengths[place]), int(packing.prefixes[place])
            # Long documents and those that go on from a prefix stand alone.
            alone = place if prefix >= 0 or length > LONGEST_KEPT else -1
            return length, len(within[place]), alone

        for (length, num_queries, alone), group in groupby(range(len(within)), alike):
            places = list(group)
            if num_queries == 0:
                continue
            if alone >= 0:
                yield from self._alone(alone, int(first[alone]), within[alone])
                continue
            start, query = int(packing.starts[places[0]]), int(first[places[0]])
            yield Run(
                count=len(places),
                queries=slice(query, query + num_queries * len(places)),
                keys=slice(start, start + length * len(places)),
                prefix=slice(0, 0),
                hidden=self._hidden_together([within[place] for place in places], length),
                is_kept=True,
            )

    def _alone(self, place: int, first: int, within: np.ndarray) -> Iterator[Run]:
        packing = self.packing
        start, length, before = (int(values[place]) for values in (packing.starts, packing.lengths, packing.prefixes))
        shared = 0 if before < 0 else int(packing.lengths[before])
        size = QUERIES_AT_ONCE if length + shared > LONGEST_KEPT else len(within)
        for low in range(0, len(within), size):
            queries = within[low : low + size]
            hidden = self._hidden(queries + shared, np.arange(shared + length))
            # What none of these queries sees, on either side, is not computed.
            seen = (
                np.flatnonzero(~hidden.all(0).numpy()) if hidden is not None else np.asarray([0, shared + length - 1])
            )
            left, right = int(seen[0]), int(seen[-1]) + 1
            own = slice(start + max(left - shared, 0), start + max(right - shared, 0))
            prefix = slice(0, 0)
            if left < shared:
                at = int(packing.starts[before])
                prefix = slice(at + left, at + min(right, shared))
            hidden = None if hidden is None else _unless_empty(hidden[:, left:right])
            is_kept = shared + length <= LONGEST_KEPT
            yield Run(1, slice(first + low, first + low + len(queries)), own, prefix, hidden, is_kept)

    def _hidden_together(self, within: list[np.ndarray], length: int) -> Tensor | None:
        keys = np.arange(length)
        if all(np.array_equal(own, within[0]) for own in within[1:]):
            return self._hidden(within[0], keys)
        hidden = self._hidden(np.concatenate(within), keys)
        return None if hidden is None else hidden.view(len(within), 1, -1, length)

    def _hidden(self, queries: np.ndarray, keys: np.ndarray) -> Tensor | None:
        """Return True where positions `queries` do not see positions `keys`, shape (L, M); None where they see all."""
        return None if self._sees_all else _unless_empty(self._is_hidden(queries, keys))

    def _is_hidden(self, queries: np.ndarray, keys: np.ndarray) -> Tensor:
        one = torch.zeros(1, 1, dtype=torch.int64)
        rows, columns = torch.from_numpy(queries.astype(np.int64)), torch.from_numpy(keys.astype(np.int64))
        sees: Tensor = self._may_see(one, one, rows[:, None], columns[None, :])
        return ~sees.expand(len(queries), len(keys))


def _unless_empty(hidden: Tensor) -> Tensor | None:
    return hidden if bool(hidden.any()) else None
