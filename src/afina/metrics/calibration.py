"""Whether stated probabilities can be believed.

Legend: N rows, C classes. Single: predictions (N, C) sum to 1 per row, references (N,) are class indices, and the
confidence of a row is the probability of the class it chose. Multi: references (N, C) are zeros and ones, and every
cell (row, class) is a prediction of its own, whose confidence is its probability.

Bins are equally wide over 0..1, each (low, high], the first one including 0. Expected calibration error: Guo et al.
2017, "On Calibration of Modern Neural Networks", equation 3. Parity of Brier score and log-loss: `sklearn.metrics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from afina.metrics import classification
from afina.metrics.classification import FloatArray

NUM_BINS = 15
"""Bins unless asked otherwise, as in the paper."""

Labelled = Literal["single", "multi"]
"""Problems whose predictions are probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Predictions grouped by confidence, each field of shape (bins,) but the edges (bins + 1,).

    Attributes:
        edges: Edges of the bins, from 0 to 1.
        count: Number of predictions.
        confidence: Mean confidence; NaN in an empty bin.
        accuracy: Share that is right; NaN in an empty bin.
    """

    edges: FloatArray
    count: NDArray[np.int64]
    confidence: FloatArray
    accuracy: FloatArray


def reliability(
    problem: Labelled, predictions: NDArray[Any], references: NDArray[Any], *, num_bins: int = NUM_BINS
) -> Reliability:
    """Return how often predictions of each confidence are right."""
    confidence, right = _outcomes(problem, predictions, references)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, num_bins - 1)
    count = np.bincount(index, minlength=num_bins)
    whole = np.where(count > 0, count, np.nan)
    return Reliability(
        edges=edges,
        count=count,
        confidence=np.bincount(index, weights=confidence, minlength=num_bins) / whole,
        accuracy=np.bincount(index, weights=right, minlength=num_bins) / whole,
    )


def expected_calibration_error(
    problem: Labelled, predictions: NDArray[Any], references: NDArray[Any], *, num_bins: int = NUM_BINS
) -> float:
    """Return the mean distance between confidence and accuracy over the bins, weighted by their counts, 0..1."""
    bins = reliability(problem, predictions, references, num_bins=num_bins)
    distance = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    return float(np.sum(distance * bins.count) / bins.count.sum())


def brier(problem: Labelled, predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the squared error of the probabilities: single summed over classes, 0..2; multi mean over cells, 0..1."""
    squared = (predictions - _targets(problem, predictions, references)) ** 2
    return float(squared.mean() if problem == "multi" else squared.sum(axis=1).mean())


def log_loss(problem: Labelled, predictions: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean cross-entropy in nats: single per row, multi per cell."""
    losses = row_losses(problem, predictions, references)
    return float(losses.mean() / (predictions.shape[1] if problem == "multi" else 1))


def row_losses(problem: Labelled, predictions: NDArray[Any], references: NDArray[Any]) -> FloatArray:
    """Return each row's cross-entropy in nats, shape (N,); multi is summed over classes.

    Probabilities are kept away from 0 and 1 by the rounding error of a float64, so that no loss is infinite.
    """
    epsilon = np.finfo(np.float64).eps
    kept = np.clip(np.asarray(predictions, dtype=np.float64), epsilon, 1 - epsilon)
    if problem == "single":
        return np.asarray(-np.log(kept[np.arange(len(kept)), references]))
    return np.asarray(-np.where(references.astype(bool), np.log(kept), np.log1p(-kept)).sum(axis=1))


def _outcomes(
    problem: Labelled, predictions: NDArray[Any], references: NDArray[Any]
) -> tuple[FloatArray, NDArray[np.float64]]:
    if problem == "multi":
        return np.ravel(predictions).astype(np.float64), np.ravel(references).astype(np.float64)
    right = classification.decide(predictions) == references
    return predictions.max(axis=1).astype(np.float64), right.astype(np.float64)


def _targets(problem: Labelled, predictions: NDArray[Any], references: NDArray[Any]) -> NDArray[Any]:
    return references if problem == "multi" else np.eye(predictions.shape[1])[references]
