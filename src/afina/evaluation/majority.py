"""The trivial answer: what anyone would say who never looks at the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.base.messages import say
from afina.metrics import wording
from afina.metrics.classification import FloatArray


def predict(problem: str, train_references: NDArray[Any], num_rows: int, *, num_classes: int = 0) -> FloatArray:
    """Return the training rows' frequencies, or their mean, for every one of `num_rows` rows.

    Args:
        problem: `single`, `multi` or `regression`.
        train_references: Classes (N,), zeros and ones (N, C), or values (N,).
        num_rows: Number of rows to answer for.
        num_classes: Number of classes of a `single` problem.

    Returns:
        Predictions of shape (num_rows, C), or (num_rows, 1) for regression. The most frequent class is the largest.
    """
    if problem == "single":
        answer = np.bincount(train_references, minlength=num_classes) / len(train_references)
    else:
        answer = np.atleast_1d(np.mean(train_references, axis=0, dtype=np.float64))
    return np.tile(answer, (num_rows, 1))


def method(problem: str, labels: Sequence[str], train_references: NDArray[Any]) -> str:
    """Return the answer it always gives, one sentence in the language in force."""
    if problem == "single":
        winner = int(np.bincount(train_references, minlength=len(labels)).argmax())
        return say("always answers {label}, the most frequent class", label=labels[winner])
    if problem == "multi":
        return say("answers each class as most training rows have it")
    return say("always answers {value}, the mean of the training rows", value=wording.number(train_references.mean()))
