"""One contender's scores: every metric with its interval, per class, confusion, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.evaluation.contender import (
    Calibration,
    CalibrationBin,
    ClassScore,
    Contender,
    Interval,
    Score,
    Scores,
)
from afina.metrics import bootstrap, calibration, classification, multilabel, score
from afina.metrics.classification import FloatArray


def contender_scores(
    name: Contender,
    method: str,
    problem: str,
    labels: Sequence[str],
    predictions: NDArray[Any],
    references: NDArray[Any],
    intervals: Mapping[str, Interval],
) -> Scores:
    """Return what one contender reached.

    Args:
        name: Which contender.
        method: How its predictions were made.
        problem: `single`, `multi` or `regression`.
        labels: Names of the classes.
        predictions: Shape (N, C), or (N, 1) for regression.
        references: Shape (N,), multi (N, C).
        intervals: Interval of each metric.
    """
    metrics = tuple(
        Score(metric=metric, value=defined(value), low=intervals[metric].low, high=intervals[metric].high)
        for metric, value in score.score(problem, predictions, references).items()
    )
    table = classification.confusion(predictions, references).tolist() if problem == "single" else None
    return Scores(
        name=name,
        method=method,
        main=metrics[0],
        metrics=metrics,
        per_class=per_class(problem, labels, predictions, references),
        confusion=None if table is None else tuple(tuple(row) for row in table),
        calibration=calibrated(problem, predictions, references),
    )


def per_class(
    problem: str, labels: Sequence[str], predictions: NDArray[Any], references: NDArray[Any]
) -> tuple[ClassScore, ...]:
    """Return the per-class table; empty for regression."""
    if problem == "regression":
        return ()
    table = (multilabel if problem == "multi" else classification).per_class(predictions, references)
    return tuple(
        ClassScore(
            label=label,
            precision=float(table.precision[index]),
            recall=float(table.recall[index]),
            f1=float(table.f1[index]),
            support=int(table.support[index]),
        )
        for index, label in enumerate(labels)
    )


def calibrated(problem: str, predictions: NDArray[Any], references: NDArray[Any]) -> Calibration | None:
    """Return the calibration of the probabilities; None for regression, which has none."""
    if problem == "regression":
        return None
    kind: calibration.Labelled = "multi" if problem == "multi" else "single"
    groups = calibration.reliability(kind, predictions, references)
    bins = tuple(
        CalibrationBin(
            low=float(groups.edges[index]),
            high=float(groups.edges[index + 1]),
            count=int(groups.count[index]),
            confidence=defined(groups.confidence[index]),
            accuracy=defined(groups.accuracy[index]),
        )
        for index in range(len(groups.count))
    )
    return Calibration(
        ece=calibration.expected_calibration_error(kind, predictions, references),
        brier=calibration.brier(kind, predictions, references),
        log_loss=calibration.log_loss(kind, predictions, references),
        num_bins=len(bins),
        bins=bins,
    )


def interval(samples: FloatArray, *, confidence: float) -> Interval:
    """Return the percentile interval of resampled values (R,), both ends None when undefined."""
    low, high = bootstrap.percentile_interval(samples, confidence=confidence)
    return Interval(low=defined(low), high=defined(high))


def defined(value: float) -> float | None:
    """Return the value, or None where it is NaN: JSON has no NaN."""
    return None if np.isnan(value) else float(value)
