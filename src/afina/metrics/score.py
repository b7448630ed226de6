"""Every metric of a problem at once, the main one first.

The one place that says which metrics a problem has. `problem` is `single`, `multi` or `regression`; predictions have
shape (N, C), or (N, 1) for regression; references (N,), multi (N, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from afina.metrics import classification, multilabel, regression

Metric = Callable[[NDArray[Any], NDArray[Any]], float]
"""Takes predictions and references, returns one number; NaN when it is undefined."""

METRICS: Mapping[str, Mapping[str, Metric]] = {
    "single": {"accuracy": classification.accuracy, "macro_f1": classification.macro_f1},
    "multi": {
        "micro_f1": multilabel.micro_f1,
        "macro_f1": multilabel.macro_f1,
        "subset_accuracy": multilabel.subset_accuracy,
    },
    "regression": {
        "mae": regression.mae,
        "rmse": regression.rmse,
        "r2": regression.r2,
        "spearman": regression.spearman,
    },
}
"""Metrics of each problem by name; the first one decides."""


def main_metric(problem: str) -> str:
    """Return the name of the metric that decides."""
    return next(iter(METRICS[problem]))


def score(problem: str, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
    """Return every metric of `problem` by name, the main one first."""
    return {name: metric(predictions, references) for name, metric in METRICS[problem].items()}


def decide(problem: str, predictions: NDArray[Any]) -> NDArray[Any]:
    """Return what the predictions come down to: classes (N,), which classes (N, C), or values (N,)."""
    deciders: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "single": classification.decide,
        "multi": multilabel.decide,
        "regression": regression.decide,
    }
    return deciders[problem](predictions)


def is_higher_better(metric: str) -> bool:
    """Return whether more of `metric` is better: of errors it is not."""
    return metric not in {"mae", "rmse"}
