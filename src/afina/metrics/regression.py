"""How well a real number per row is predicted.

Legend: N rows. Predictions have shape (N,) or (N, 1), references (N,); errors are in the references' unit. Parity:
`sklearn.metrics` and `scipy.stats.spearmanr`, tests/unit/metrics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.metrics.classification import FloatArray


def decide(predictions: NDArray[Any]) -> FloatArray:
    """Return the predicted values, shape (N,)."""
    return np.asarray(predictions, dtype=np.float64).reshape(len(predictions))


def mae(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean absolute error."""
    return float(np.mean(np.abs(decide(predictions) - references)))


def rmse(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the square root of the mean squared error."""
    return float(np.sqrt(np.mean((decide(predictions) - references) ** 2)))


def r2(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the share of the references' variance that is explained, at most 1; NaN when they are constant."""
    spread = np.sum((references - np.mean(references)) ** 2)
    if is_constant(references):
        return float("nan")
    return float(1.0 - np.sum((decide(predictions) - references) ** 2) / spread)


def spearman(predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return Spearman's rank correlation, -1..1, ties by average rank; NaN when one side is constant."""
    values = decide(predictions)
    if is_constant(values) or is_constant(references):
        return float("nan")
    return float(np.corrcoef(_ranks(values), _ranks(references))[0, 1])


def is_constant(values: NDArray[Any]) -> bool:
    """Return whether all values are equal, which leaves a correlation and R2 undefined."""
    return bool(np.all(values == values[0]))


def _ranks(values: NDArray[Any]) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=np.float64)
