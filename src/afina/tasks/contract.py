"""What a task promises: one file feeds training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from afina.base.types import Batch, Segments, TargetKind
from afina.data.contract import Columns, Row
from afina.models.contract import HeadSpec, Model
from afina.models.processor import LongText

if TYPE_CHECKING:
    from torch import Tensor

Forward = Callable[[Batch], "Tensor"]
"""A model as a task sees it: a batch goes in, the head's outputs (B, C) come out."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a text may be.

    Attributes:
        max_tokens: The longest sequence, special tokens included.
        long_text: What to do with a longer one.
    """

    max_tokens: int
    long_text: LongText = "truncate"


@dataclass(frozen=True, slots=True)
class Inferred:
    """A value that the recipe left open, and why it became what it is.

    Attributes:
        path: Dotted recipe path.
        value: The value.
        why: The reason, in one sentence.
    """

    path: str
    value: Any
    why: str


class Task(Protocol):
    """What the model is for."""

    @property
    def columns(self) -> Columns:
        """Which column plays which role."""
        ...

    @property
    def head(self) -> HeadSpec:
        """The head it asks for."""
        ...

    @property
    def target_kind(self) -> TargetKind:
        """What its targets are."""
        ...

    @property
    def inferred(self) -> tuple[Inferred, ...]:
        """What it had to infer."""
        ...

    @property
    def limit(self) -> Limit:
        """How long a text may be."""
        ...

    def encode(self, rows: Sequence[Row]) -> list[Segments]:
        """Return rows as the model reads them, with targets where they have labels."""
        ...

    def predict(self, model: Forward, batch: Batch) -> np.ndarray:
        """Return what the model says of a batch's rows: probabilities (B, C), or values (B, 1), float64."""
        ...

    def references(self, rows: Sequence[Row]) -> np.ndarray:
        """Return what the rows' labels say, in the shape that `score` compares with."""
        ...

    def score(self, predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
        """Return the metrics by name, the main one first."""
        ...

    def decide(self, predictions: np.ndarray) -> list[str]:
        """Return the answer for each row of predictions, in words."""
        ...

    def names(self, answers: np.ndarray) -> list[str]:
        """Return references, or decided answers, in words."""
        ...

    def text_of(self, row: Row) -> str:
        """Return what the model reads of a row, for people."""
        ...

    def over(self, columns: Columns) -> Task:
        """Return the same task reading other columns, without labels: for rows from elsewhere."""
        ...

    def settled(self, model: Model) -> Task:
        """Make a trained model speak the labels' own unit, and return the task for it."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return everything that `restore` needs, as JSON."""
        ...
