"""A run as an object: its verdict, its model, its report, and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from afina.base import device
from afina.base.errors import RunError
from afina.base.messages import say
from afina.data.contract import Row
from afina.evaluation.contract import Evaluation
from afina.inference import precision
from afina.metrics.score import decide
from afina.run import folder as folders
from afina.run import reload
from afina.run.folder import RunFolder, evaluation_of


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one row.

    Attributes:
        answer: The label, the labels joined by ", ", or the value in words.
        probabilities: Probability of each label; empty for a value.
        value: The value of a regression, or None.
    """

    answer: str
    probabilities: Mapping[str, float]
    value: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the prediction as `--json` prints it."""
        document: dict[str, Any] = {"answer": self.answer}
        return (
            {**document, "value": self.value}
            if self.value is not None
            else {**document, "probabilities": dict(self.probabilities)}
        )


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: Its folder, which holds everything.
        trust_remote_code: Whether Python code that came with its base may run.
    """

    folder: RunFolder
    trust_remote_code: bool = False

    @property
    def verdict(self) -> str:
        """The verdict, one sentence."""
        return self.evaluation.verdict.sentence

    @cached_property
    def evaluation(self) -> Evaluation:
        """The comparison of base and tuned model, in full.

        Raises:
            RunError: If the run has not been evaluated.
        """
        document = evaluation_of(self.folder)
        if not document:
            raise _unfinished(self.folder)
        return Evaluation.from_dict(document)

    @property
    def report(self) -> Path:
        """Path of the report, one page that any browser opens without a network."""
        return self.folder.report

    @property
    def model(self) -> Any:
        """The tuned transformers model."""
        return self._reloaded.forward.model.network

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that the model reads, in order; two make a pair."""
        return self._reloaded.task.columns.text

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that have a probability, in order; none for a value."""
        head = self._reloaded.task.head
        return () if head.problem == "regression" else head.labels

    def predict(self, rows: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]) -> list[Prediction]:
        """Return what the model says of texts, or of records with the columns that it was trained on.

        Args:
            rows: One text or record, or several. A text stands for a record whose first text column it is.

        Raises:
            RunError: If a record lacks a column.
        """
        return answer(self._reloaded, rows)

    def predict_rows(self, rows: Sequence[Row]) -> list[Prediction]:
        """Return what the model says of rows as the data floor reads them; labels in them are not looked at."""
        return answer_rows(self._reloaded, rows)

    @cached_property
    def _reloaded(self) -> reload.Reloaded:
        if not self.folder.model.is_dir():
            raise _unfinished(self.folder)
        where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        chosen, _ = precision.choose("auto", where, device.facts().has_native_bfloat16)
        return reload.reload(self.folder.model, where, chosen, trusted=self.trust_remote_code)


def answer(
    reloaded: reload.Reloaded, rows: str | Mapping[str, Any] | Iterable[str | Mapping[str, Any]]
) -> list[Prediction]:
    """Return what a model says of texts, or of records with the columns that it was trained on.

    Raises:
        RunError: If a record lacks a column.
    """
    several = [rows] if isinstance(rows, (str, Mapping)) else list(rows)
    text = reloaded.task.columns.text
    values = [{text[0]: row} if isinstance(row, str) else dict(row) for row in several]
    for place, row in enumerate(values):
        missing = [column for column in text if column not in row]
        if missing:
            raise RunError(
                "E-RUN-030",
                say("Row {place} has no column {column}.", place=place + 1, column=repr(missing[0])),
                expected=", ".join(text),
            )
    return answer_rows(reloaded, reload.as_rows(values))


def answer_rows(reloaded: reload.Reloaded, rows: Sequence[Row]) -> list[Prediction]:
    """Return what a model says of rows as the data floor reads them; labels in them are not looked at."""
    task = reloaded.task
    predictions = reloaded.forward.predict(task, task.over(task.columns).encode(rows))
    answers = task.names(decide(task.head.problem, predictions))
    if task.head.problem == "regression":
        return [Prediction(said, {}, float(value[0])) for said, value in zip(answers, predictions, strict=True)]
    return [
        Prediction(said, dict(zip(task.head.labels, map(float, row), strict=True)))
        for said, row in zip(answers, predictions, strict=True)
    ]


def open_run(reference: str = "last", *, trust_remote_code: bool = False) -> Run:
    """Return the run that a name, a unique prefix, a path, `last` or `best` stands for.

    Args:
        reference: Which run.
        trust_remote_code: Whether Python code that came with its base may run. It can do anything that you can.

    Raises:
        RunError: If there is no such run, or several.
    """
    return Run(folders.find(reference), trust_remote_code)


def _unfinished(folder: RunFolder) -> RunError:
    return RunError(
        "E-RUN-031",
        say("The run {name} is not finished.", name=folder.name),
        where=str(folder.path),
        mend=f"afina resume {folder.name}",
    )
