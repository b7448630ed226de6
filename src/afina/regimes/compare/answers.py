"""What a finished run answered to its test rows, read back from its `predictions.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.base.errors import RunError
from afina.base.messages import say
from afina.base.optional import need
from afina.run.folder import RunFolder, evaluation_of

_BETWEEN = ", "


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Predictions and the right answers, row by row.

    Attributes:
        problem: `single`, `multi` or `regression`.
        labels: Names of the classes; empty for regression.
        texts: What each row's text is, to see that two runs judged the same rows.
        references: Classes (N,) int64, zeros and ones (N, C), or values (N,) float64.
        predictions: Shape (N, C), or (N, 1) for regression.
    """

    problem: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    references: NDArray[Any]
    predictions: NDArray[Any]

    def are_of_the_same_rows(self, other: Answers) -> bool:
        """Return whether both answered the same rows, in the same order, asked the same."""
        return (self.problem, self.labels, self.texts) == (other.problem, other.labels, other.texts) and np.array_equal(
            self.references, other.references
        )


def read(run: RunFolder) -> Answers:
    """Return what a finished run answered.

    Raises:
        RunError: If its files cannot be read or do not fit together.
    """
    evaluation = evaluation_of(run)
    problem, labels = evaluation.get("problem", ""), tuple(evaluation.get("labels", ()))
    parquet, arrow = need("pyarrow.parquet", extra="train"), need("pyarrow", extra="train")
    try:
        table = parquet.read_table(run.predictions)
        names = [f"p:{label}" for label in labels] or ["value"]
        predictions = np.column_stack([table.column(name).to_numpy() for name in names]).astype(np.float64)
        texts, written = table.column("text").to_pylist(), table.column("reference").to_pylist()
        return Answers(problem, labels, tuple(texts), _references(problem, labels, written), predictions)
    except (arrow.ArrowException, OSError, KeyError, ValueError) as error:
        raise RunError(
            "E-COMPARE-023",
            say("The answers of {run} cannot be read: {reason}.", run=run.name, reason=str(error)),
            where=str(run.predictions),
            mend=say("Remove that run's folder and go on with the comparison: it is trained again."),
        ) from error


def _references(problem: str, labels: Sequence[str], written: Sequence[str]) -> NDArray[Any]:
    if problem == "regression":
        return np.asarray([float(text) for text in written])
    places = {label: place for place, label in enumerate(labels)}
    if problem == "single":
        return np.asarray([places[text] for text in written], dtype=np.int64)
    return np.asarray([_marked(text, labels) for text in written], dtype=np.int64).reshape(-1, len(labels))


def _marked(text: str, labels: Sequence[str]) -> list[int]:
    """Return zeros and ones for labels that were joined in their order, also where a label holds what joins them."""
    marks = [0] * len(labels)
    if text and not _mark(text, labels, 0, marks):
        raise ValueError(f"{text!r} is no list of labels")
    return marks


def _mark(text: str, labels: Sequence[str], start: int, marks: list[int]) -> bool:
    for place in range(start, len(labels)):
        label = labels[place]
        if text == label or text.startswith(label + _BETWEEN):
            marks[place] = 1
            if text == label or _mark(text[len(label) + len(_BETWEEN) :], labels, place + 1, marks):
                return True
            marks[place] = 0
    return False
