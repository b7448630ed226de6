"""Intervals by drawing the rows again: percentile bootstrap, paired, over rows and over seeds.

Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapters 13 (percentile) and 16 (tests). Rows that are
alike in everything a metric reads are one cell, and what a resample draws is how often each cell occurs (a
multinomial): the same distribution as drawing rows, faster, and the same draw whatever order the rows come in.

Legend: N rows, K cells, R resamples, S seeds, M metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.metrics.classification import FloatArray
from afina.metrics.resampled import Resampled

_CHUNK_WEIGHTS = 250_000
"""Weights drawn at once (2 MB): they stay in the processor's cache, and memory is bounded at any number of rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Rows grouped by what they hold.

    Attributes:
        first: Number of one row of each cell, shape (K,).
        counts: Rows in each cell, shape (K,).
    """

    first: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much the second contender is above the first.

    Attributes:
        difference: second - first on all rows, mean over seeds.
        low: Lower end of its interval; NaN when undefined.
        high: Upper end of its interval; NaN when undefined.
        p_value: Two-sided bootstrap p-value of "no difference", 0..1; NaN when undefined.
    """

    difference: float
    low: float
    high: float
    p_value: float


def cells(*columns: NDArray[Any]) -> Cells:
    """Group rows that are alike in every column, in an order that does not depend on the rows' order.

    Args:
        columns: What the metrics read of each row, shape (N,) or (N, anything).
    """
    table = np.column_stack([column.reshape(len(column), -1) for column in columns])
    _, first, counts = np.unique(table, axis=0, return_index=True, return_counts=True)
    return Cells(first=first, counts=counts)


def resample(metrics: Sequence[Resampled], counts: NDArray[np.int64], *, num_resamples: int, seed: int) -> FloatArray:
    """Return every metric on the same resamples of the rows, shape (M, R), NaN where undefined."""
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_WEIGHTS // len(counts))
    values = np.empty((len(metrics), num_resamples))
    for start in range(0, num_resamples, chunk):
        stop = min(start + chunk, num_resamples)
        weights = _draw(generator, counts, stop - start)
        for index, metric in enumerate(metrics):
            values[index, start:stop] = metric(weights)
    return values


def _draw(generator: np.random.Generator, counts: NDArray[np.int64], num_resamples: int) -> FloatArray:
    num_cells, num_rows = len(counts), int(counts.sum())
    # The same distribution either way: a multinomial costs by the cell, drawing rows by the row and four times less.
    if 4 * num_cells < num_rows:
        return generator.multinomial(num_rows, counts / num_rows, size=num_resamples).astype(np.float64)
    cell_of_row = np.repeat(np.arange(num_cells), counts)
    drawn = cell_of_row[generator.integers(0, num_rows, size=(num_resamples, num_rows))]
    drawn += num_cells * np.arange(num_resamples)[:, None]
    tally = np.bincount(drawn.ravel(), minlength=num_resamples * num_cells)
    return tally.reshape(num_resamples, num_cells).astype(np.float64)


def percentile_interval(samples: FloatArray, *, confidence: float) -> tuple[float, float]:
    """Return the interval that holds the middle `confidence` of the samples (R,).

    Samples in which the metric is undefined are left out; when they are the most, the interval is (NaN, NaN).
    """
    defined = samples[~np.isnan(samples)]
    if 2 * len(defined) < len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bootstrap_p_value(differences: FloatArray) -> float:
    """Return the two-sided p-value of "no difference" from resampled differences (R,), 0..1; NaN when undefined."""
    defined = differences[~np.isnan(differences)]
    if 2 * len(defined) < len(differences):
        return float("nan")
    tail = min(np.sum(defined <= 0), np.sum(defined >= 0)) + 1
    return float(min(1.0, 2 * tail / (len(defined) + 1)))


def paired_bootstrap(
    first: Sequence[Resampled],
    second: Sequence[Resampled],
    counts: NDArray[np.int64],
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 42,
) -> PairedDifference:
    """Compare two contenders on the same rows, and on the same seeds when each ran with several.

    Each resample draws rows and, with more than one seed, seeds, with replacement; both contenders are judged on the
    same draw, and their difference is averaged over the seeds drawn.

    Args:
        first: The first contender's metric, one per seed.
        second: The second contender's metric, one per seed, in the same order.
        counts: Rows of each cell, shape (K,); ones when rows were not grouped.
        confidence: Confidence of the interval, 0..1.
        num_resamples: Number of draws.
        seed: Seed of the draws.

    Raises:
        ValueError: If the two have different numbers of seeds.
    """
    if len(first) != len(second):
        raise ValueError(f"both contenders need the same seeds: {len(first)} and {len(second)}")
    num_seeds = len(first)
    values = resample([*first, *second], counts, num_resamples=num_resamples, seed=seed)
    differences = values[num_seeds:] - values[:num_seeds]
    drawn_seeds = np.random.default_rng([seed, 1]).multinomial(
        num_seeds, np.full(num_seeds, 1 / num_seeds), size=num_resamples
    )
    samples = (differences.T * drawn_seeds).sum(axis=1) / num_seeds
    low, high = percentile_interval(samples, confidence=confidence)
    everything = counts[None, :].astype(np.float64)
    observed = [
        float(after(everything)[0] - before(everything)[0]) for before, after in zip(first, second, strict=True)
    ]
    return PairedDifference(float(np.mean(observed)), low, high, bootstrap_p_value(samples))
