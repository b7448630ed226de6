"""The one planner that makes every batch: which rows together, in which order, laid out how.

Rows of like length go together, so that little padding is computed; which batch comes when stays random. The plan of an
epoch depends on the seed and the epoch alone, so a position in it is enough to go on from there.

Shapes: S sequences, T tokens, B rows, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from afina.base.types import Batch, Layout, Segments, TargetKind

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


def collate(segments: Sequence[Segments], layout: Layout, target_kind: TargetKind) -> Batch:
    """Lay rows out as one padded batch.

    Args:
        segments: The encoded rows.
        layout: What the model takes.
        target_kind: What the targets are.
    """
    documents = [document for segment in segments for document in segment.documents]
    width = max(len(document) for document in documents)
    input_ids_ST = np.full((len(documents), width), layout.pad_token_id, dtype=np.int64)
    mask_ST = np.zeros((len(documents), width), dtype=np.bool_)
    for place, document in enumerate(documents):
        input_ids_ST[place, : len(document)] = document
        mask_ST[place, : len(document)] = True
    owners = [place for place, segment in enumerate(segments) for _ in segment.documents]
    return Batch(
        rows=np.asarray([segment.row for segment in segments], dtype=np.int64),
        input_ids=torch.from_numpy(input_ids_ST),
        attention_mask=torch.from_numpy(mask_ST),
        token_type_ids=_token_types(segments, width) if layout.takes_token_types else None,
        graded=_graded(segments, len(documents)),
        owner=torch.tensor(owners) if len(owners) > len(segments) else None,
        targets=_targets(segments, target_kind),
        target_kind=target_kind,
    )


def _token_types(segments: Sequence[Segments], width: int) -> Tensor | None:
    kinds = [types for segment in segments for types in segment.token_types or ()]
    if not kinds:
        return None
    types_ST = np.zeros((len(kinds), width), dtype=np.int64)
    for place, types in enumerate(kinds):
        types_ST[place, : len(types)] = types
    return torch.from_numpy(types_ST)


def _graded(segments: Sequence[Segments], num_documents: int) -> Tensor | None:
    graded = segments[0].graded
    if graded is None:
        return None
    assert all(segment.graded == graded for segment in segments), (
        "one batch grades the same positions of every document"
    )
    return torch.tensor([graded] * num_documents)


def _targets(segments: Sequence[Segments], kind: TargetKind) -> Tensor | None:
    targets = [segment.target for segment in segments]
    if any(target is None for target in targets):
        return None
    if kind == "class":
        return torch.tensor(targets, dtype=torch.int64)
    return torch.from_numpy(np.asarray(targets, dtype=np.float32))
