"""A step's rows cut into what one process computes at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from afina.base.types import Layout, Segments
from afina.data.batching.packs import best_fit
from afina.data.batching.plan import micro_batches


def portions(
    rows: np.ndarray,
    segments: Sequence[Segments],
    layout: Layout,
    micro_batch_size: int,
    rank: int = 0,
    world_size: int = 1,
) -> list[np.ndarray]:
    """Cut one step's rows into this process's portions; every process gets equally many, of which some may be empty.

    Padded, a portion has at most `micro_batch_size` rows. Packed, it has at most as many tokens as that many of the
    step's longest row: the same memory at worst, in fewer portions.

    Args:
        rows: The rows of the step.
        segments: All encoded rows.
        layout: How they will be laid out.
        micro_batch_size: Rows computed at once.
        rank: This process.
        world_size: Processes that train together.
    """
    if not layout.is_packed:
        return list(micro_batches(rows, micro_batch_size, rank, world_size))
    sizes = np.asarray([segments[row].num_tokens for row in rows], dtype=np.int64)
    budget = micro_batch_size * int(sizes.max())
    # Longest first and dealt in turns, so that processes have about as much to do.
    order = np.argsort(-sizes, kind="stable")
    dealt = [order[place::world_size] for place in range(world_size)]
    packed = [[own[pack] for pack in best_fit(sizes[own], budget)] for own in dealt]
    most = max(len(packs) for packs in packed)
    own = [rows[pack] for pack in packed[rank]]
    return own + [rows[:0]] * (most - len(own))
