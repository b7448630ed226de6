"""What a tuning promises, and the report that the engine, the planner and the user read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afina.base.types import Family

if TYPE_CHECKING:
    from torch import Tensor, nn

    from afina.base.types import Layout

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
    def paths(self) -> tuple[str, ...]:
        """The dotted module path of each block."""
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
    def family(self) -> Family:
        """The kind of network."""
        ...

    @property
    def network(self) -> Any:
        """The transformers model, or what a tuning wrapped it in."""
        ...

    layout: Layout
    """What it takes."""

    @property
    def blocks(self) -> Depths:
        """Its parameters by depth."""
        ...

    @property
    def probe(self) -> Mapping[str, Tensor]:
        """The smallest input that the network can be run on, by the names it takes it under."""
        ...

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Yield its parameters by name."""
        ...

    def named_modules(self) -> Iterable[tuple[str, nn.Module]]:
        """Yield its modules by path."""
        ...

    def rewire(self, change: Callable[[Any], Any]) -> Mapping[str, str]:
        """Let a technique change the network, and find its parameters by depth again.

        Args:
            change: Takes the network and returns it, changed in place or wrapped.

        Returns:
            What each parameter that was there before was called then, by its name now.
        """
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
        aliases: What a parameter of the base was called before the technique was applied, by its name now; a parameter
            that is not in it is new.
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
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of every parameter that moves at some time."""
        return tuple(name for group in self.groups for name in group.names)


class Tuning(Protocol):
    """Which weights of a model move."""

    supports: frozenset[Family]
    """Families of models it works on."""
    requires: Mapping[str, object]
    """What the base must be loaded with; read before loading."""
    begins_as_base: bool
    """Whether the model says what the base says until the first step is taken."""
    interpolates: bool
    """Whether there is a way from the base to what was learnt that `interpolate` can walk."""
    virtual_tokens: int
    """Positions of every sequence that the technique takes for itself."""
    usage: str
    """Python that puts what `save` wrote into `FOLDER` on a plain `network`, without Afina; empty where `save` writes
    nothing."""

    def apply(self, model: Tunable) -> TuningReport:
        """Make exactly the technique's parameters trainable, and report them.

        Raises:
            RecipeError: If the technique does not fit this very model; the reason is named.
        """
        ...

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the weights that moved."""
        ...

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        ...

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set the model to the point `alpha` on the way from `start` (0) to `end` (1), both from `state`."""
        ...

    def merge(self, model: Tunable) -> None:
        """Fold what was learnt into the base's own weights; the model is then as plain as the base.

        Raises:
            RecipeError: If it cannot be folded exactly; the reason and what to do instead are named.
        """
        ...

    def unload(self, model: Tunable) -> None:
        """Take away what `apply` added; the base's own weights are then what they were, bit for bit.

        What moved the base's own weights leaves them where they are.
        """
        ...

    def save(self, model: Tunable, folder: Path, base: str) -> bool:
        """Write what was learnt beside the base into `folder`, and return whether that is enough beside the base.

        Where it returns False nothing was written: what was learnt is in the base's own weights.

        Args:
            model: The tuned model.
            folder: A folder that exists; other files in it are left alone.
            base: How others find the base: a Hub id or a folder.
        """
        ...

    def restore(self, model: Tunable, folder: Path) -> None:
        """Put what `save` wrote on a fresh base.

        Raises:
            SourceError: If the files are missing, or do not fit the base.
        """
        ...
