"""The typed ground that every floor stands on: what a row becomes on its way to a loss.

A row is encoded into `Segments` (documents with their own positions and attention), the planner in `data/batching` lays
segments out as a `Batch`, a model turns a batch into outputs, and an objective turns outputs into a `StepOutput`,
which is always a sum and a count: the engine alone divides.

Shapes: S sequences, T tokens of the longest sequence, B rows, D documents, G graded positions per sequence, K stretches
of a pack, W positions read of a document. Padded, every document is a sequence (S = D); packed, all documents share one
(S = 1). D > B where a row was cut into windows or has several continuations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Family = Literal["encoder", "decoder", "vision-transformer", "cnn"]
"""The kind of network: reads a text both ways, reads it forwards, reads an image in patches, convolves an image."""

TargetKind = Literal["class", "multi_hot", "value"]
"""What a target is: one class index, a vector of zeros and ones, or a real number."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """One row, encoded.

    Attributes:
        row: Number of the row in its data set.
        documents: Token ids of each document, shape (length,), int32; a document has its own positions and attention.
        token_types: Segment ids of each document for models that take pairs, or None.
        graded: Positions in each document that feed the loss or the prediction, ascending, counted from the first token
            of the prefix if there is one: the same in every document, or one array per document. None means every
            position.
        target: Class index, multi-hot vector of shape (classes,), real number, or None when unlabelled.
        cached: Number under which the prefix cache holds each document, or None when it holds none.
        prefix: Token ids that every document goes on from, shape (length,), int32: one prompt with its answers. For
            models that read forwards. None means that documents begin by themselves.
    """

    row: int
    documents: tuple[np.ndarray, ...]
    token_types: tuple[np.ndarray, ...] | None = None
    graded: tuple[int, ...] | tuple[np.ndarray, ...] | None = None
    target: int | float | np.ndarray | None = None
    cached: tuple[int, ...] | None = None
    prefix: np.ndarray | None = None

    @property
    def num_prefix_tokens(self) -> int:
        """Number of tokens that all documents share."""
        return 0 if self.prefix is None else len(self.prefix)

    @property
    def num_tokens(self) -> int:
        """Number of tokens over all documents, a shared prefix counted once."""
        return self.num_prefix_tokens + sum(len(document) for document in self.documents)

    @property
    def longest(self) -> int:
        """Number of tokens of the longest document, with its prefix."""
        return self.num_prefix_tokens + max(len(document) for document in self.documents)

    def graded_in(self, place: int) -> np.ndarray | None:
        """Return the graded positions of one document, int64; None means every position."""
        if self.graded is None:
            return None
        own = self.graded[place] if self.graded and isinstance(self.graded[0], np.ndarray) else self.graded
        return np.asarray(own, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a model takes, read from it once it is loaded and tuned.

    Attributes:
        max_tokens: The longest sequence it can read.
        pad_token_id: Id that fills a short sequence.
        takes_token_types: Whether it distinguishes the two halves of a pair.
        takes_segments: Whether several documents may share one sequence (its self-test passed).
        positions: How a document's tokens are numbered: `from_zero`, or `after_padding`, as in models where a token
            that is not padding has the number of such tokens up to it, added to the id of padding.
        wants_packs: Whether documents are to share one sequence where the model takes segments.
    """

    max_tokens: int
    pad_token_id: int
    takes_token_types: bool = False
    takes_segments: bool = False
    positions: Literal["from_zero", "after_padding"] = "from_zero"
    wants_packs: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether documents do share one sequence."""
        return self.wants_packs and self.takes_segments


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the documents of a packed batch lie in its one sequence.

    The sequence is cut into stretches without a gap: one for each document, and one for each prefix that documents go
    on from, before them. Stretches of one length stand side by side where they can.

    Attributes:
        starts: First place of each stretch, shape (K,), int64, on the CPU.
        lengths: Tokens of each stretch, shape (K,), int64, on the CPU.
        prefixes: The stretch that each goes on from, shape (K,), int64, on the CPU; -1 for none.
        position_ids: Position of each token in its own document, shape (1, T), int64.
        read: Places of the positions that are read of each document, in the order of the documents, shape (D, W).
        read_mask: False where `read` only fills up, shape (D, W), bool.
        read_graded: `read` as places among the graded positions, shape (D, W); None when every position is graded.
    """

    starts: np.ndarray
    lengths: np.ndarray
    prefixes: np.ndarray
    position_ids: Tensor
    read: Tensor
    read_mask: Tensor
    read_graded: Tensor | None = None

    @property
    def num_tokens(self) -> int:
        """Number of tokens of the sequence."""
        return int(self.lengths.sum())

    def to(self, device: torch.device | str) -> Packing:
        """Return it with its tensors on `device`."""
        return replace(self, **_moved(self, ("position_ids", "read", "read_mask", "read_graded"), device))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows laid out for a model.

    Attributes:
        rows: Numbers of the rows, shape (B,), int64, on the CPU.
        input_ids: Token ids, shape (S, T), int64.
        attention_mask: True at real tokens, shape (S, T), bool.
        token_type_ids: Segment ids, shape (S, T), int64, or None.
        graded: Positions that feed the loss, shape (S, G), int64; None means every real position. Packed, each place is
            there once, ascending, though several documents may read it.
        owner: Index in 0..B-1 of the row that each document belongs to, shape (D,), int64; None when D = B, in order.
        targets: Classes (B,) int64, multi-hot (B, C) float32 or values (B,) float32; None when unlabelled.
        target_kind: What the targets are.
        cached: Number under which the prefix cache holds each document, shape (documents,), int64, on the CPU; or None.
        graded_mask: False where `graded` only fills up, shape (S, G), bool; None when nothing does.
        packing: Where the documents lie, when they share one sequence; None when each has its own.
    """

    rows: np.ndarray
    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor | None = None
    graded: Tensor | None = None
    owner: Tensor | None = None
    targets: Tensor | None = None
    target_kind: TargetKind = "class"
    cached: np.ndarray | None = None
    graded_mask: Tensor | None = None
    packing: Packing | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch with its tensors on `device`."""
        names = (
            "input_ids",
            "attention_mask",
            "token_type_ids",
            "graded",
            "graded_mask",
            "owner",
            "targets",
            "packing",
        )
        return replace(self, **_moved(self, names, device))


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


def _moved(holder: Any, names: tuple[str, ...], device: torch.device | str) -> dict[str, Any]:
    held = {name: getattr(holder, name) for name in names}
    return {name: None if value is None else value.to(device) for name, value in held.items()}
