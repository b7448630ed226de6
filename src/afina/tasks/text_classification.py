"""Text classification: one label of several, any number of labels, or a number, for a text or a pair of texts.

The labels come from the label column; which of the three problems it is, is inferred from it and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch

from afina.base.types import Batch, Segments, TargetKind
from afina.data.contract import Columns, Row
from afina.metrics.score import decide, score
from afina.models.contract import HeadSpec, Model, Pooling
from afina.models.processor import Processor
from afina.models.sources import Source
from afina.recipe.section import Section
from afina.tasks import _labels
from afina.tasks.contract import Forward, Inferred, Limit

_TARGET_KINDS: dict[str, TargetKind] = {"single": "class", "multi": "multi_hot", "regression": "value"}


class Config(Section):
    """Say a label, several labels or a number of a text."""

    kind: Literal["text-classification"] = "text-classification"
    """The technique's name."""
    problem: Literal["auto", "single", "multi", "regression"] = "auto"
    """`single`: exactly one label a row; `multi`: any number of labels; `regression`: a number. `auto` reads the
    label column."""
    pooling: Literal["auto", "cls", "mean", "last"] = "auto"
    """How a text becomes one vector: its first position, the mean of its positions, or its last position. `auto`
    follows the base's own files, and takes the last of a base that reads from left to right."""
    labels: tuple[str, ...] | None = None
    """The labels in the order wanted; by default those of the training rows, sorted."""
    separator: str | None = None
    """What separates the labels of a multi-label field, such as `|`. Found by itself where it is clear."""


def build(
    config: Config, *, rows: Sequence[Row], columns: Columns, source: Source, processor: Processor, limit: Limit
) -> TextClassification:
    """Return the task for a base and training rows.

    Args:
        config: What the recipe says.
        rows: Training rows; their labels are the labels.
        columns: Which column plays which role.
        source: The base, for the pooling that its own files name.
        processor: Its processor.
        limit: How long a text may be.

    Raises:
        DataError: If the label column does not fit the problem; every such row is listed.
    """
    inferred = []
    problem, why = (
        (config.problem, "") if config.problem != "auto" else _labels.infer_problem(rows, columns, config.separator)
    )
    if why:
        inferred.append(Inferred("task.problem", problem, why))
    pooling: Pooling = source.pooling if config.pooling == "auto" else config.pooling
    if config.pooling == "auto":
        inferred.append(Inferred("task.pooling", pooling, source.pooling_reason))
    reader = _labels.read(rows, columns, problem, config.labels, config.separator)
    return TextClassification(
        columns=columns,
        head=HeadSpec(reader.labels, problem, pooling),
        reader=reader,
        processor=processor,
        limit=limit,
        inferred=tuple(inferred),
    )


@dataclass(frozen=True)
class TextClassification:
    """The task, for one set of labels and one base.

    Attributes:
        columns: Which column plays which role.
        head: The head it asks for.
        reader: Reads labels into targets.
        processor: Reads texts into tokens.
        limit: How long a text may be.
        inferred: What the recipe left open.
    """

    columns: Columns
    head: HeadSpec
    reader: _labels.LabelReader
    processor: Processor
    limit: Limit
    inferred: tuple[Inferred, ...] = field(default=())

    @property
    def target_kind(self) -> TargetKind:
        """What its targets are."""
        return _TARGET_KINDS[self.head.problem]

    def encode(self, rows: Sequence[Row]) -> list[Segments]:
        """Return rows as the model reads them, with targets where they have labels."""
        texts = [tuple(str(row.values.get(column, "") or "") for column in self.columns.text[:2]) for row in rows]
        if len(self.columns.text) > 2:
            texts = [(_join(row, self.columns.text),) for row in rows]
        encoded = self.processor.encode(texts, self.limit.max_tokens, self.limit.long_text) if rows else []
        graded = (0,) if self.head.pooling == "cls" else None
        return [
            Segments(
                row=row.number,
                documents=code.documents,
                token_types=code.token_types,
                graded=graded,
                target=self.reader.target(row),
            )
            for row, code in zip(rows, encoded, strict=True)
        ]

    def predict(self, model: Forward, batch: Batch) -> np.ndarray:
        """Return probabilities (B, C), or values (B, 1) in the label's own unit, float64."""
        outputs_BC = model(batch).double()
        if self.head.problem == "single":
            outputs_BC = outputs_BC.softmax(1)
        elif self.head.problem == "multi":
            outputs_BC = outputs_BC.sigmoid()
        else:
            outputs_BC = outputs_BC * self.reader.scale + self.reader.shift
        predictions: np.ndarray = torch.nan_to_num(outputs_BC).cpu().numpy()
        return predictions

    def references(self, rows: Sequence[Row]) -> np.ndarray:
        """Return class indices (N,), multi-hot rows (N, C) or values (N,) in the label's own unit."""
        return self.reader.references(rows)

    def score(self, predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
        """Return the metrics by name, the main one first."""
        return score(self.head.problem, predictions, references)

    def decide(self, predictions: np.ndarray) -> list[str]:
        """Return the answer for each row of `predictions`, in words."""
        return self.names(decide(self.head.problem, predictions))

    def names(self, answers: np.ndarray) -> list[str]:
        """Return class indices, multi-hot rows or values in words."""
        labels = self.head.labels
        if self.head.problem == "single":
            return [labels[answer] for answer in answers]
        if self.head.problem == "multi":
            return [", ".join(labels[place] for place in np.flatnonzero(answer)) for answer in answers]
        return [f"{float(answer):.6g}" for answer in answers]

    def text_of(self, row: Row) -> str:
        """Return what the model reads of a row, for people."""
        return "\n".join(str(row.values.get(column, "") or "") for column in self.columns.text)

    def over(self, columns: Columns) -> TextClassification:
        """Return the same task reading other columns, without labels: for rows from elsewhere."""
        unlabelled = replace(columns, label=())
        return replace(self, columns=unlabelled, reader=replace(self.reader, columns=()))

    def settled(self, model: Model) -> TextClassification:
        """Make a model's last layer speak the label's own unit, and return the task for it."""
        model.rescale_outputs(self.reader.scale, self.reader.shift)
        return replace(self, reader=replace(self.reader, scale=1.0, shift=0.0))

    def describe(self) -> dict[str, Any]:
        """Return everything that `restore` needs, as JSON."""
        return {
            "task": "text-classification",
            "problem": self.head.problem,
            "pooling": self.head.pooling,
            "labels": list(self.head.labels),
            "text_columns": list(self.columns.text),
            "label_columns": list(self.columns.label),
            "separator": self.reader.separator,
            "max_tokens": self.limit.max_tokens,
            "long_text": self.limit.long_text,
        }


def restore(description: dict[str, Any], processor: Processor) -> TextClassification:
    """Return the task of a saved model, from what `describe` wrote."""
    columns = Columns(tuple(description["text_columns"]), tuple(description["label_columns"]))
    head = HeadSpec(tuple(description["labels"]), description["problem"], description["pooling"])
    reader = _labels.LabelReader(head.problem, head.labels, columns.label, description["separator"])
    limit = Limit(description["max_tokens"], description["long_text"])
    return TextClassification(columns, head, reader, processor, limit)


def _join(row: Row, columns: Sequence[str]) -> str:
    # Encoders read one text or a pair; more columns become one text, each named, so that the model can tell them apart.
    return "\n".join(f"{column}: {row.values.get(column) or ''}" for column in columns)
