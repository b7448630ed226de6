"""Steps of equally many rows: which rows together, in which order.

Rows of like length go together, so that little padding is computed; which batch comes when stays random. The plan of an
epoch depends on the seed and the epoch alone, so a position in it is enough to go on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

JITTER = 0.1
"""Random share by which a length may seem longer or shorter when rows are grouped, so that batches differ between
epochs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The batches of a data set, epoch by epoch.

    Attributes:
        lengths: Tokens of each row's longest document, shape (rows,).
        global_batch_size: Rows of one optimiser step.
        seed: Seed of the order.
    """

    lengths: np.ndarray
    global_batch_size: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Number of optimiser steps that one pass over the rows takes; the last may have fewer rows."""
        return -(-len(self.lengths) // self.global_batch_size)

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the rows of each step of an epoch, every row exactly once."""
        generator = np.random.default_rng((self.seed, number))
        order = generator.permutation(len(self.lengths))
        jittered = self.lengths[order] * generator.uniform(1 - JITTER, 1 + JITTER, len(order))
        order = order[np.argsort(jittered, kind="stable")]
        # The short batch is cut at a random place, or the longest rows alone would be in it every time.
        size = self.global_batch_size
        rest = len(order) % size
        start = int(generator.integers(0, len(order) // size + 1)) * size if rest else len(order)
        edges = (
            [*range(0, start + 1, size), *range(start + rest, len(order) + 1, size)]
            if rest
            else [*range(0, len(order) + 1, size)]
        )
        batches = [order[low:high] for low, high in pairwise(sorted(set(edges)))]
        return [batches[place] for place in generator.permutation(len(batches))]


def in_order(lengths: np.ndarray, size: int) -> list[np.ndarray]:
    """Return batches of at most `size` rows, longest first, for a pass whose order does not matter.

    The longest come first so that what does not fit in memory fails at once.
    """
    order = np.argsort(-lengths, kind="stable")
    return [order[low : low + size] for low in range(0, len(order), size)]


def micro_batches(rows: np.ndarray, size: int, rank: int = 0, world_size: int = 1) -> Iterator[np.ndarray]:
    """Cut one step's rows into micro-batches, and yield this process's share of each, at most `size` rows.

    Every process yields equally many; a share may be empty.
    """
    for low in range(0, len(rows), size * world_size):
        yield np.array_split(rows[low : low + size * world_size], world_size)[rank]
