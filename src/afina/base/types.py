"""The typed ground that every floor stands on: what a row becomes on its way to a loss.

A row is encoded into `Segments` (documents with their own positions and attention), the planner in `data/batching` lays
segments out as a `Batch`, a model turns a batch into outputs, and an objective turns outputs into a `StepOutput`,
which is always a sum and a count: the engine alone divides.

Shapes: S sequences, T tokens of the longest sequence, B rows, G graded positions per sequence. S > B where a row was
cut into windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TargetKind = Literal["class", "multi_hot", "value"]
"""What a target is: one class index, a vector of zeros and ones, or a real number."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """One row, encoded.

    Attributes:
        row: Number of the row in its data set.
        documents: Token ids of each document, shape (length,), int32; a document has its own positions and attention.
        token_types: Segment ids of each document for models that take pairs, or None.
        graded: Positions in each document that feed the loss or the prediction; None means every position.
        target: Class index, multi-hot vector of shape (classes,), real number, or None when unlabelled.
    """

    row: int
    documents: tuple[np.ndarray, ...]
    token_types: tuple[np.ndarray, ...] | None = None
    graded: tuple[int, ...] | None = None
    target: int | float | np.ndarray | None = None

    @property
    def num_tokens(self) -> int:
        """Number of tokens over all documents."""
        return sum(len(document) for document in self.documents)

    @property
    def longest(self) -> int:
        """Number of tokens of the longest document."""
        return max(len(document) for document in self.documents)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a model takes, read from it once it is loaded and tuned.

    Attributes:
        max_tokens: The longest sequence it can read.
        pad_token_id: Id that fills a short sequence.
        takes_token_types: Whether it distinguishes the two halves of a pair.
        takes_segments: Whether several documents may share one sequence (its self-test passed).
    """

    max_tokens: int
    pad_token_id: int
    takes_token_types: bool = False
    takes_segments: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows laid out for a model.

    Attributes:
        rows: Numbers of the rows, shape (B,), int64, on the CPU.
        input_ids: Token ids, shape (S, T), int64.
        attention_mask: True at real tokens, shape (S, T), bool.
        token_type_ids: Segment ids, shape (S, T), int64, or None.
        graded: Positions that feed the loss, shape (S, G), int64; None means every real position.
        owner: Index in 0..B-1 of the row that each sequence belongs to, shape (S,), int64; None when S = B, in order.
        targets: Classes (B,) int64, multi-hot (B, C) float32 or values (B,) float32; None when unlabelled.
        target_kind: What the targets are.
    """

    rows: np.ndarray
    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor | None = None
    graded: Tensor | None = None
    owner: Tensor | None = None
    targets: Tensor | None = None
    target_kind: TargetKind = "class"

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch with its tensors on `device`."""
        names = ("input_ids", "attention_mask", "token_type_ids", "graded", "owner", "targets")
        held = {name: getattr(self, name) for name in names}
        moved: dict[str, Any] = {name: None if value is None else value.to(device) for name, value in held.items()}
        return replace(self, **moved)


@dataclass(frozen=True, slots=True, eq=False)
class StepOutput:
    """What an objective makes of one batch.

    Attributes:
        loss_sum: Scalar tensor: the loss summed, not averaged, over targets.
        num_targets: Number of targets in the sum.
        metrics: Further sums over targets, by name; the engine divides them by the same count.
    """

    loss_sum: Tensor
    num_targets: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Aids:
    """What an objective needs beside the model and the batch; `run/` fills the fields that its `needs` names.

    Attributes:
        class_counts: Training rows of each class, shape (classes,), for objectives that weight classes.
    """

    class_counts: np.ndarray | None = None
