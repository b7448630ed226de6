"""How well any number of classes per row is predicted.

Legend: N rows, C classes. Predictions are probabilities of each class, shape (N, C): a class is predicted from 0.5 up.
References are zeros and ones, shape (N, C). Parity: `sklearn.metrics`, tests/unit/metrics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.metrics.classification import PerClass, macro, share, table_from_counts

THRESHOLD = 0.5
"""Probability from which a class counts as predicted."""


def decide(predictions: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which classes each row's predictions choose, shape (N, C)."""
    return np.asarray(predictions >= THRESHOLD)


def micro_f1(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return F1 over all rows and classes at once, 0..1; 0 when nothing was there and nothing was predicted."""
    true_positives, predicted, actual = _counts(predictions, references)
    return float(share(2 * true_positives.sum(), predicted.sum() + actual.sum()))


def macro_f1(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean F1 over the classes that occur in references or predictions, 0..1."""
    true_positives, predicted, actual = _counts(predictions, references)
    return float(macro(true_positives, predicted + actual))


def subset_accuracy(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the share of rows whose every class is right, 0..1."""
    return float(np.mean((decide(predictions) == references.astype(bool)).all(axis=1)))


def per_class(predictions: NDArray[Any], references: NDArray[Any]) -> PerClass:
    """Return precision, recall, F1 and support of every class."""
    return table_from_counts(*_counts(predictions, references))


def _counts(
    predictions: NDArray[Any], references: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    predicted, actual = decide(predictions), references.astype(bool)
    return (predicted & actual).sum(axis=0), predicted.sum(axis=0), actual.sum(axis=0)
