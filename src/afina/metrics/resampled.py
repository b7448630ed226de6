"""The metrics under many weightings of the rows at once, which is what a bootstrap asks for.

Legend: K cells (groups of rows that are alike), R weightings, C classes. A weighting says how often each cell's row
occurs, shape (R, K); a `Resampled` metric turns it into R values, shape (R,), each equal to the plain metric on the
rows repeated that often (tests/unit/metrics holds it to that). What the rows decided comes from `score.decide`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.metrics.classification import FloatArray, macro, share

Resampled = Callable[[FloatArray], FloatArray]
"""Takes weights (R, K), returns values (R,); NaN where the metric is undefined."""


def build(
    problem: str, decisions: NDArray[Any], references: NDArray[Any], num_classes: int = 0
) -> dict[str, Resampled]:
    """Return every metric of `problem` by name, in the order of `score.METRICS`.

    Args:
        problem: `single`, `multi` or `regression`.
        decisions: Classes (K,), which classes (K, C), or values (K,).
        references: Of the same shape.
        num_classes: Number of classes of a `single` problem.
    """
    if problem == "single":
        classes = np.arange(num_classes)
        predicted, actual = decisions[:, None] == classes, references[:, None] == classes
        return {"accuracy": mean_of(decisions == references), "macro_f1": macro_f1_of(predicted, actual)}
    if problem == "multi":
        predicted, actual = decisions.astype(bool), references.astype(bool)
        return {
            "micro_f1": micro_f1_of(predicted, actual),
            "macro_f1": macro_f1_of(predicted, actual),
            "subset_accuracy": mean_of((predicted == actual).all(axis=1)),
        }
    error = np.asarray(decisions - references, dtype=np.float64)
    return {
        "mae": mean_of(np.abs(error)),
        "rmse": root_mean_of(error**2),
        "r2": r2_of(decisions, references),
        "spearman": spearman_of(decisions, references),
    }


def mean_of(values: NDArray[Any]) -> Resampled:
    """Return the mean of one value per row (K,): accuracy, an absolute error, any metric that rows add up to."""
    column = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ column / weights.sum(axis=1)


def root_mean_of(values: NDArray[Any]) -> Resampled:
    """Return the square root of the mean of one value per row (K,)."""
    mean = mean_of(values)
    return lambda weights: np.sqrt(mean(weights))


def macro_f1_of(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> Resampled:
    """Return the mean F1 over the classes that occur, from what was predicted and what is, each (K, C)."""
    true_positives = (predicted & actual).astype(np.float64)
    both = predicted.astype(np.float64) + actual
    return lambda weights: macro(weights @ true_positives, weights @ both)


def micro_f1_of(predicted: NDArray[np.bool_], actual: NDArray[np.bool_]) -> Resampled:
    """Return F1 over all rows and classes at once, from what was predicted and what is, each (K, C)."""
    true_positives = (predicted & actual).sum(axis=1).astype(np.float64)
    both = (predicted.sum(axis=1) + actual.sum(axis=1)).astype(np.float64)
    return lambda weights: share(2 * (weights @ true_positives), weights @ both)


def r2_of(values: NDArray[Any], references: NDArray[Any]) -> Resampled:
    """Return the share of variance explained, from values and references, each (K,)."""
    # Centred first: the variance is a difference of sums, which would cancel for references far from zero.
    centred = np.asarray(references - np.mean(references), dtype=np.float64)
    squared = np.asarray((values - references) ** 2, dtype=np.float64)

    def metric(weights: FloatArray) -> FloatArray:
        total = weights.sum(axis=1)
        second_moment = weights @ centred**2
        spread = second_moment - (weights @ centred) ** 2 / total
        # A spread this small against its parts is rounding: all rows drawn have the same value.
        return 1.0 - _quotient(weights @ squared, spread, spread > 1e-12 * second_moment)

    return metric


def spearman_of(values: NDArray[Any], references: NDArray[Any]) -> Resampled:
    """Return Spearman's rank correlation, from values and references, each (K,)."""

    def metric(weights: FloatArray) -> FloatArray:
        total = weights.sum(axis=1, keepdims=True)
        middle = (total + 1) / 2
        first, second = weighted_ranks(values, weights) - middle, weighted_ranks(references, weights) - middle
        shared = np.einsum("rk,rk,rk->r", weights, first, second)
        spread = np.einsum("rk,rk,rk->r", weights, first, first) * np.einsum("rk,rk,rk->r", weights, second, second)
        return _quotient(shared, np.sqrt(spread), spread > 0)

    return metric


def weighted_ranks(values: NDArray[Any], weights: FloatArray) -> FloatArray:
    """Return each cell's average rank once its row occurs `weights` times, shape (R, K), counted from 1."""
    groups, inverse = np.unique(values, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(len(groups)))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    return np.asarray(ranks[:, inverse], dtype=np.float64)


def _quotient(part: FloatArray, whole: FloatArray, defined: NDArray[np.bool_]) -> FloatArray:
    return np.asarray(np.where(defined, part / np.where(defined, whole, 1.0), np.nan), dtype=np.float64)
