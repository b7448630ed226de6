"""Whether two contestants could have been told apart had each row's answers been dealt to them by a coin.

The approximate randomisation test of Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses", chapter 2: if
there is no difference, swapping the two answers to a row changes nothing. It needs no normal distribution, so it stays
honest on few rows, where an interval alone is too sure of itself. Ties count half, as in the mid-p form of McNemar's
test, which this is for the share of right rows and one seed.

Legend: N rows, K cells, R deals, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.metrics import bootstrap, resampled

_CHUNK_WEIGHTS = 500_000


def swap_p_value(
    problem: str,
    references: NDArray[Any],
    first: Sequence[NDArray[Any]],
    second: Sequence[NDArray[Any]],
    *,
    num_classes: int = 0,
    num_deals: int = 2000,
    seed: int = 42,
) -> float:
    """Return the two-sided p-value of "no difference in the main metric", 0..1.

    Args:
        problem: `single`, `multi` or `regression`.
        references: Answers, shape (N,), multi (N, C).
        first: Decisions of the first, one array per seed, of the same shape.
        second: Decisions of the second, with the same seeds.
        num_classes: Number of classes of a `single` problem.
        num_deals: How often rows are dealt.
        seed: Seed of the deals.
    """
    groups = bootstrap.cells(references, *first, *second)
    known = references[groups.first]
    # Both answers to a row stand below each other; a weighting says which of them a contestant was dealt.
    pairs = [
        next(
            iter(
                resampled.build(
                    problem,
                    np.concatenate([one[groups.first], other[groups.first]]),
                    np.concatenate([known, known]),
                    num_classes,
                ).values()
            )
        )
        for one, other in zip(first, second, strict=True)
    ]
    counts = groups.counts

    def difference(swapped: NDArray[Any]) -> NDArray[Any]:
        kept = counts - swapped
        mine, theirs = np.concatenate([kept, swapped], axis=1), np.concatenate([swapped, kept], axis=1)
        values = [metric(theirs.astype(np.float64)) - metric(mine.astype(np.float64)) for metric in pairs]
        return np.asarray(np.abs(np.mean(values, axis=0)))

    observed = float(difference(np.zeros((1, len(counts)), dtype=np.int64))[0])
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_WEIGHTS // len(counts))
    weight = 0.5
    for start in range(0, num_deals, chunk):
        size = (min(chunk, num_deals - start), len(counts))
        dealt = difference(generator.binomial(counts, 0.5, size=size))
        # Sums taken in another order differ in their last bits; what is equal but for them is a tie.
        ties = np.abs(dealt - observed) <= 1e-12
        weight += float(np.sum((dealt > observed) & ~ties)) + 0.5 * float(np.sum(ties))
    return min(1.0, weight / (num_deals + 1))
