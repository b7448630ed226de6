"""The rows that the tuned model got most wrong, with what a person needs to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.evaluation.contract import Example, TopLoss
from afina.metrics import calibration, multilabel
from afina.metrics.classification import FloatArray

MAX_TEXT = 500
"""Characters of a row's text that are kept."""


def top_losses(
    problem: str,
    labels: Sequence[str],
    predictions: NDArray[Any],
    references: NDArray[Any],
    rows: Sequence[Example],
    *,
    count: int,
) -> tuple[TopLoss, ...]:
    """Return the `count` rows of largest loss, worst first; equal losses by row number.

    Args:
        problem: `single`, `multi` or `regression`.
        labels: Names of the classes.
        predictions: Shape (N, C), or (N, 1) for regression.
        references: Shape (N,), multi (N, C).
        rows: Where each row comes from, or empty when unknown.
        count: Number of rows.
    """
    losses = _losses(problem, predictions, references)
    examples = rows or [Example(row=index, where="", text="") for index in range(len(losses))]
    order = sorted(range(len(losses)), key=lambda index: (-losses[index], examples[index].row))
    return tuple(
        TopLoss(
            row=examples[index].row,
            where=examples[index].where,
            text=_shortened(examples[index].text),
            reference=_answer(problem, labels, references[index]),
            prediction=_answer(problem, labels, _decision(problem, predictions[index])),
            probability=_probability(problem, predictions[index], references[index]),
            loss=float(losses[index]),
        )
        for index in order[:count]
    )


def _losses(problem: str, predictions: NDArray[Any], references: NDArray[Any]) -> FloatArray:
    if problem == "regression":
        return np.asarray((predictions[:, 0] - references) ** 2, dtype=np.float64)
    return calibration.row_losses("multi" if problem == "multi" else "single", predictions, references)


def _decision(problem: str, prediction: NDArray[Any]) -> Any:
    if problem == "single":
        return prediction.argmax()
    return prediction >= multilabel.THRESHOLD if problem == "multi" else prediction[0]


def _answer(problem: str, labels: Sequence[str], value: Any) -> str:
    if problem == "single":
        return labels[int(value)]
    if problem == "multi":
        return ", ".join(label for label, present in zip(labels, value, strict=True) if present)
    return f"{float(value):.6g}"


def _probability(problem: str, prediction: NDArray[Any], reference: Any) -> float | None:
    if problem == "regression":
        return None
    return float(prediction.max() if problem == "single" else np.abs(prediction - reference).max())


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1].rstrip() + "…"
