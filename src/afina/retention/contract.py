"""What a retention promises: it may add rows, add a penalty, and have the last word on the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

Weights = Mapping[str, "Tensor"]
"""Weights by parameter name."""


class Learner(Protocol):
    """The part of a model that a retention reads."""

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Yield its parameters by name."""
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """The way from the weights before training to those after it.

    Attributes:
        move: Sets the model to a point on the way; 0 is before, 1 is after.
        score: Scores the model, as it is now, on validation rows; higher is better.
    """

    move: Callable[[float], None]
    score: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a retention did at the end.

    Attributes:
        alpha: The point on the way that was kept; 1 keeps what was trained.
        curve: Validation score by point.
    """

    alpha: float = 1.0
    curve: Mapping[float, float] | None = None


class Retention(Protocol):
    """A protection against forgetting."""

    @property
    def walks(self) -> bool:
        """Whether `finish` moves along the path, so that the weights before training must be kept for it."""
        ...

    def prepare(self, model: Learner, new: frozenset[str]) -> None:
        """Remember what must be remembered, before the first step and before any checkpoint is restored.

        Args:
            model: The model as it came, tuning applied.
            new: Names of parameters that are freshly drawn, of which there is nothing to remember.
        """
        ...

    def penalty(self, model: Learner) -> Tensor | None:
        """Return what is added to the step's mean loss, a scalar with a gradient, or None."""
        ...

    def finish(self, path: Path) -> Outcome:
        """Choose the weights to keep, and leave the model at them."""
        ...
