"""How much there is to compute: the micro-batches of an epoch, their tokens and their padding.

Shapes: S sequences, T tokens of the longest, M micro-batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from afina.base.types import Segments
from afina.data import batching


def as_long(num_tokens: int) -> int:
    """Return the width of a batch that is no wider than its longest sequence."""
    return num_tokens


def one_position(_: int) -> int:
    """Return the width of a batch in which one position stands for a document."""
    return 1


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Rows by their size.

    Attributes:
        num_documents: Sequences that each row becomes, shape (rows,).
        longest: Tokens of each row's longest, shape (rows,).
        num_tokens: Tokens of each row, shape (rows,).
        width: Returns how wide a batch is computed, by the tokens of its longest sequence.
    """

    num_documents: np.ndarray
    longest: np.ndarray
    num_tokens: np.ndarray
    width: Callable[[int], int] = as_long

    @classmethod
    def of(cls, segments: Sequence[Segments], width: Callable[[int], int] = as_long) -> Sizes:
        """Return the sizes of encoded rows, and how wide batches of them are computed."""
        counts = [(len(segment.documents), segment.longest, segment.num_tokens) for segment in segments]
        num_documents, longest, num_tokens = np.asarray(counts, dtype=np.int64).reshape(-1, 3).T
        return cls(num_documents, longest, num_tokens, width)

    def __len__(self) -> int:
        return len(self.longest)


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Padded batches by their size.

    Attributes:
        num_sequences: S of each, shape (M,).
        num_tokens: T of each, as wide as it is computed, shape (M,).
    """

    num_sequences: np.ndarray
    num_tokens: np.ndarray

    @property
    def padded_tokens(self) -> int:
        """Positions computed, padding included."""
        return int((self.num_sequences * self.num_tokens).sum())

    def __len__(self) -> int:
        return len(self.num_tokens)


def epoch(
    plan: batching.Plan, sizes: Sizes, micro_batch_size: int, rank: int = 0, num_processes: int = 1
) -> tuple[Shapes, int]:
    """Return the micro-batches that one process computes in the first epoch, and the real tokens in them.

    Other epochs group the same rows slightly differently.
    """
    shares = [
        share
        for rows in plan.epoch(0)
        for share in batching.micro_batches(rows, micro_batch_size, rank, num_processes)
        if len(share)
    ]
    return shapes(sizes, shares), sum(int(sizes.num_tokens[share].sum()) for share in shares)


def shapes(sizes: Sizes, batches: Sequence[np.ndarray]) -> Shapes:
    """Return the padded size of batches of rows."""
    return Shapes(
        np.asarray([sizes.num_documents[rows].sum() for rows in batches], dtype=np.int64),
        np.asarray([sizes.width(int(sizes.longest[rows].max())) for rows in batches], dtype=np.int64),
    )


def longest_rows(sizes: Sizes, count: int) -> np.ndarray:
    """Return the numbers of the `count` longest rows, longest first: no batch of that many is larger."""
    order = np.lexsort((-sizes.num_documents, -sizes.longest))
    return order[:count]
