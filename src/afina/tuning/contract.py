"""What a tuning promises, and the report that the engine, the planner and the user read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

State = Mapping[str, "Tensor"]
"""Weights by parameter name."""


class Depths(Protocol):
    """Parameter names by depth, as the models floor finds them."""

    @property
    def embeddings(self) -> tuple[str, ...]:
        """What stands below the first block."""
        ...

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """One tuple of names per block, from the bottom."""
        ...

    @property
    def top(self) -> tuple[str, ...]:
        """What the base has above its last block."""
        ...

    @property
    def head(self) -> tuple[str, ...]:
        """What the task added."""
        ...

    @property
    def units(self) -> dict[str, tuple[str, ...]]:
        """The same by the name of the depth, from the bottom."""
        ...


class Tunable(Protocol):
    """The part of a model that a tuning uses."""

    @property
    def family(self) -> str:
        """The kind of network, such as `encoder`."""
        ...

    @property
    def blocks(self) -> Depths:
        """Its parameters by depth."""
        ...

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Yield its parameters by name."""
        ...

    def named_modules(self) -> Iterable[tuple[str, nn.Module]]:
        """Yield its modules by path."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that share a learning rate and a weight decay.

    Attributes:
        name: Where they are, for people: `block 3`.
        names: Their names.
        learning_rate_scale: Factor on the run's learning rate.
        decays: Whether weight decay applies; it does to matrices, not to biases and norms.
    """

    name: str
    names: tuple[str, ...]
    learning_rate_scale: float = 1.0
    decays: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training in which the same parameters move.

    Attributes:
        name: For people: `head first`.
        names: The parameters that move in it.
        epochs: Its length in passes over the data; None where `share` says it, or for what remains.
        share: Its length as a share of the run's steps, in (0, 1).
        learning_rate: Its own learning rate, or None for the run's.
    """

    name: str
    names: frozenset[str]
    epochs: float | None = None
    share: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, slots=True)
class TuningReport:
    """What moves, when and how fast.

    Attributes:
        kind: The technique.
        num_trainable: Parameters that move at some time.
        num_total: Parameters of the model.
        groups: The moving parameters; each exactly once.
        stages: In order; the last has no length of its own.
        frozen_blocks: Blocks, counted from the bottom, in and below which nothing ever moves.
        learning_rate: What `auto` means for this technique on this model.
        learning_rate_reason: The rule behind it, with its source.
        virtual_tokens: Tokens that the technique adds to every sequence.
        takes_segments: Whether several documents may still share a sequence.
    """

    kind: str
    num_trainable: int
    num_total: int
    groups: tuple[Group, ...]
    stages: tuple[Stage, ...]
    frozen_blocks: int
    learning_rate: float
    learning_rate_reason: str
    virtual_tokens: int = 0
    takes_segments: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of every parameter that moves at some time."""
        return tuple(name for group in self.groups for name in group.names)


class Tuning(Protocol):
    """Which weights of a model move."""

    supports: frozenset[str]
    """Families of models it works on."""
    requires: Mapping[str, object]
    """What the base must be loaded with; read before loading."""

    def apply(self, model: Tunable) -> TuningReport:
        """Make exactly the technique's parameters trainable, and report them."""
        ...

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the weights that moved."""
        ...

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        ...

    def merge(self, model: Tunable) -> None:
        """Fold what was learnt into the base's own weights."""
        ...

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set the model to the point `alpha` on the way from `start` (0) to `end` (1), both from `state`."""
        ...
