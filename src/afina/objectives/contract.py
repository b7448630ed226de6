"""What an objective promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from afina.base.types import Aids, Batch, StepOutput

if TYPE_CHECKING:
    from torch import Tensor


class Forward(Protocol):
    """A model as an objective sees it: a batch goes in, the head's outputs (B, C) come out."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return the head's outputs, shape (B, C)."""
        ...


class Objective(Protocol):
    """What is minimised."""

    needs: frozenset[str]
    """Fields of `Aids` that it reads."""
    columns: frozenset[str]
    """Roles of columns that it needs beyond the task's."""

    def step(self, model: Forward, batch: Batch, aids: Aids) -> StepOutput:
        """Return the loss of one batch, summed over its targets, and their number."""
        ...
