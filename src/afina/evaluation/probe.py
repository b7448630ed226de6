"""What the base already knew: a linear model on its frozen features.

Features are standardised by the training rows' mean and spread. Classes: multinomial logistic regression; several
classes per row: one logistic regression per class; values: ridge regression. The strength of the L2 penalty is the one
that does best on validation rows when these are given (the largest main metric, then the smallest loss, then the
strongest penalty), and a stated default otherwise. Everything is deterministic. Alain and Bengio 2016, "Understanding
intermediate layers using linear classifier probes".

Legend: N rows, H features, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.base.messages import say
from afina.base.optional import need
from afina.metrics import calibration, score, wording
from afina.metrics.classification import FloatArray

GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse penalties tried (`C` of scikit-learn; ridge takes 1 / C), strongest penalty first."""

DEFAULT = 0.03
"""Inverse penalty without validation rows: what suits a few thousand rows of a sentence encoder."""

_PATIENCE = 2
"""Weaker penalties tried in a row without doing better, before the walk along the grid ends."""

_MAX_STEPS = 1000
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Features with their references.

    Attributes:
        features: Shape (N, H).
        references: Classes (N,), zeros and ones (N, C), or values (N,).
    """

    features: NDArray[Any]
    references: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A probe's predictions and how they were made.

    Attributes:
        predictions: Shape (N, C), or (N, 1) for regression.
        inverse_penalty: The entry of `GRID` that was used.
        method: How they were made, one sentence in the language in force.
    """

    predictions: FloatArray
    inverse_penalty: float
    method: str


def fit_predict(
    problem: str,
    train: Labelled,
    features: NDArray[Any],
    *,
    num_classes: int = 0,
    validation: Labelled | None = None,
) -> Probe:
    """Fit the probe on training rows and predict the rows of `features`.

    Args:
        problem: `single`, `multi` or `regression`.
        train: Rows to fit on.
        features: Rows to predict, shape (N, H).
        num_classes: Number of classes of a `single` problem; classes that no training row has get probability 0.
        validation: Rows that choose the penalty, or None.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    scale = _scale(train.features)
    fitted = Labelled(scale(train.features), train.references)
    wanted = scale(features)
    if validation is None:
        predicted = next(_predictions(problem, fitted, wanted, (DEFAULT,), num_classes))
        return Probe(predicted, DEFAULT, _method(problem, DEFAULT, None))
    held_out = scale(validation.features)
    both = np.concatenate([held_out, wanted])
    best, best_merit, best_predictions = 0, (-np.inf, -np.inf), both
    for index, predicted in enumerate(_predictions(problem, fitted, both, GRID, num_classes)):
        merit = _merit(problem, predicted[: len(held_out)], validation.references)
        if merit > best_merit:
            best, best_merit, best_predictions = index, merit, predicted[len(held_out) :]
        elif index - best >= _PATIENCE:
            break
    return Probe(best_predictions, GRID[best], _method(problem, GRID[best], len(held_out)))


def _scale(features: NDArray[Any]) -> Any:
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # A feature that never varies says nothing, and the rounding error of its mean must not be blown up: divided by 1.
    spread = np.where(spread > 1e-6 * np.abs(features).max(), spread, 1.0)
    return lambda values: (values - mean) / spread


def _merit(problem: str, predictions: FloatArray, references: NDArray[Any]) -> tuple[float, float]:
    name = score.main_metric(problem)
    main = score.METRICS[problem][name](predictions, references)
    if problem == "regression":
        return -main, -float(np.mean((predictions[:, 0] - references) ** 2))
    loss = calibration.log_loss("multi" if problem == "multi" else "single", predictions, references)
    return main, -loss


def _predictions(
    problem: str, train: Labelled, features: FloatArray, grid: tuple[float, ...], num_classes: int
) -> Iterator[FloatArray]:
    if problem == "regression":
        ridge = need("sklearn.linear_model", extra="train").Ridge
        for inverse in grid:
            model = ridge(alpha=1 / inverse, solver="cholesky").fit(train.features, train.references)
            yield np.asarray(model.predict(features), dtype=np.float64)[:, None]
    elif problem == "single":
        yield from _class_probabilities(train, features, grid, num_classes)
    else:
        columns = [
            _class_probabilities(Labelled(train.features, column.astype(np.int64)), features, grid, 2)
            for column in train.references.T
        ]
        for probabilities in zip(*columns, strict=True):
            yield np.column_stack([pair[:, 1] for pair in probabilities])


def _class_probabilities(
    train: Labelled, features: FloatArray, grid: tuple[float, ...], num_classes: int
) -> Iterator[FloatArray]:
    present = np.unique(train.references)
    probabilities = np.zeros((len(features), num_classes))
    if len(present) == 1:
        probabilities[:, present] = 1.0
        for _ in grid:
            yield probabilities
        return
    linear_model = need("sklearn.linear_model", extra="train")
    # One model walks the grid from the strongest penalty to the weakest, each fit starting from the last one's result.
    model = linear_model.LogisticRegression(warm_start=True, max_iter=_MAX_STEPS, tol=_TOLERANCE)
    for inverse in grid:
        model.set_params(C=inverse).fit(train.features, train.references)
        filled = probabilities.copy()
        filled[:, present] = model.predict_proba(features)
        yield filled


def _method(problem: str, inverse_penalty: float, num_validation: int | None) -> str:
    kind = say("ridge regression") if problem == "regression" else say("logistic regression")
    value = wording.localised(f"{inverse_penalty:g}")
    if num_validation is None:
        return say("{kind} on the base's frozen features, inverse penalty {value}", kind=kind, value=value)
    return say(
        "{kind} on the base's frozen features, inverse penalty {value} chosen on {count} validation rows",
        kind=kind,
        value=value,
        count=wording.count(num_validation),
    )
