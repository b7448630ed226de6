"""How well one class per row is predicted.

Legend: N rows, C classes. Predictions are probabilities or any scores, shape (N, C): the largest decides, the first of
equals. References are class indices, shape (N,). Parity: `sklearn.metrics`, tests/unit/metrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
"""Numbers in double precision."""


@dataclass(frozen=True, slots=True, eq=False)
class PerClass:
    """The per-class table, each field of shape (C,).

    Attributes:
        precision: Share of the rows predicted as the class that are of it; 0 where none was predicted.
        recall: Share of the class's rows that were found; 0 where it has none.
        f1: Harmonic mean of the two; 0 where both are 0.
        support: Number of rows of the class, int64.
    """

    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    support: NDArray[np.int64]


def decide(predictions: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class that each row's predictions choose, shape (N,)."""
    return np.asarray(predictions.argmax(axis=1), dtype=np.int64)


def accuracy(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the share of rows whose class was found, 0..1."""
    return float(np.mean(decide(predictions) == references))


def macro_f1(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean F1 over the classes that occur in references or predictions, 0..1."""
    table = confusion(predictions, references)
    return float(macro(*f1_counts(table)))


def confusion(predictions: NDArray[Any], references: NDArray[Any]) -> NDArray[np.int64]:
    """Return how often class i (row) was predicted as class j (column), shape (C, C), counts."""
    num_classes = predictions.shape[1]
    cells = np.asarray(references, dtype=np.int64) * num_classes + decide(predictions)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def per_class(predictions: NDArray[Any], references: NDArray[Any]) -> PerClass:
    """Return precision, recall, F1 and support of every class."""
    table = confusion(predictions, references)
    return table_from_counts(np.diag(table), table.sum(axis=0), table.sum(axis=1))


def table_from_counts(
    true_positives: NDArray[np.int64], predicted: NDArray[np.int64], actual: NDArray[np.int64]
) -> PerClass:
    """Return the per-class table from counts of shape (C,)."""
    return PerClass(
        precision=share(true_positives, predicted),
        recall=share(true_positives, actual),
        f1=share(2 * true_positives, predicted + actual),
        support=np.asarray(actual, dtype=np.int64),
    )


def f1_counts(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return true positives, and predicted plus actual rows, of each class of a confusion table, each of shape (C,)."""
    return np.diag(table), table.sum(axis=0) + table.sum(axis=1)


def macro(true_positives: NDArray[Any], predicted_plus_actual: NDArray[Any]) -> FloatArray:
    """Return the mean over the last axis of F1 = 2 TP / (predicted + actual), leaving out classes that do not occur.

    Args:
        true_positives: Counts, shape (..., C).
        predicted_plus_actual: Rows predicted as the class plus rows of it, shape (..., C).
    """
    occurs = (predicted_plus_actual > 0).sum(axis=-1)
    return share(share(2 * true_positives, predicted_plus_actual).sum(axis=-1), occurs)


def share(part: NDArray[Any], whole: NDArray[Any]) -> FloatArray:
    """Return part / whole elementwise, and 0 where the whole is 0."""
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0), dtype=np.float64)
