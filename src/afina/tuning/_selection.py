"""Tunings that move some of the model's own weights: they differ in the choice alone.

Everything but the choice of parameters is here, so `full`, `head`, `last-blocks`, `bias` and `norm` are short; so is
what techniques that add weights of their own share with them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.types import Family
from afina.tuning.contract import Group, Stage, State, Tunable, TuningReport

if TYPE_CHECKING:
    from torch import Tensor

SMALL_WIDTH = 512
"""Hidden width up to which an encoder counts as small, and is tuned faster."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a technique chose on one model.

    Attributes:
        names: The parameters that move.
        scales: Learning-rate factor by unit; 1 where absent.
        stages: When they move; all of them throughout when empty.
        own_scales: Further factor by parameter; 1 where absent.
        undecayed: Matrices that weight decay leaves alone all the same, such as factors that begin at one.
        learning_rate: What `auto` means.
        reason: The rule behind it, with its source.
    """

    names: frozenset[str]
    learning_rate: float
    reason: str
    scales: Mapping[str, float] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    own_scales: Mapping[str, float] = field(default_factory=dict)
    undecayed: frozenset[str] = frozenset()


@dataclass(eq=False)
class Selection:
    """A tuning that moves a selection of the model's own weights.

    Args:
        kind: The technique's name.
        choose: Its choice on a given model.
    """

    kind: str
    choose: Callable[[Tunable], Choice]
    supports: frozenset[Family] = frozenset({"encoder", "decoder", "vision-transformer", "cnn"})
    requires: Mapping[str, object] = field(default_factory=dict)
    begins_as_base: bool = True
    interpolates: bool = True
    virtual_tokens: int = 0
    usage: str = ""
    _names: tuple[str, ...] = ()

    def apply(self, model: Tunable) -> TuningReport:
        """Make exactly the chosen parameters trainable, and report them."""
        report = select(self.kind, model, self.choose(model))
        self._names = report.names
        return report

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the weights that moved."""
        return copies(model, self._names)

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        put_back(model, state, self._names)

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set every weight that moved to `start + alpha * (end - start)`; the ends are met bit for bit."""
        put_back(model, between(start, end, alpha), self._names)

    def merge(self, model: Tunable) -> None:
        """Do nothing: the weights that moved are the base's own."""

    def unload(self, model: Tunable) -> None:
        """Do nothing: nothing was added."""

    def save(self, model: Tunable, folder: Path, base: str) -> bool:
        """Return False: what was learnt is in the base's own weights."""
        return False

    def restore(self, model: Tunable, folder: Path) -> None:
        """Do nothing: the base was saved with what it learnt."""


def select(kind: str, model: Tunable, choice: Choice, aliases: Mapping[str, str] | None = None) -> TuningReport:
    """Make exactly the chosen parameters trainable, and report them.

    Args:
        kind: The technique's name.
        model: The model, with whatever the technique added to it.
        choice: What moves, when and how fast.
        aliases: What the base's parameters were called before, where the technique added something.
    """
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        if parameter.requires_grad is not (name in choice.names):
            parameter.requires_grad_(name in choice.names)
    names = [name for name in parameters if name in choice.names]
    return TuningReport(
        kind=kind,
        num_trainable=sum(parameters[name].numel() for name in names),
        num_total=sum(_num_weights(parameter) for parameter in parameters.values()),
        groups=_groups(model, choice, parameters),
        stages=choice.stages or (Stage(kind, choice.names),),
        frozen_blocks=_frozen_blocks(model, choice.names),
        learning_rate=choice.learning_rate,
        learning_rate_reason=choice.reason,
        aliases=dict(aliases) if aliases is not None else {name: name for name in parameters},
    )


def copies(model: Tunable, names: Iterable[str]) -> dict[str, Tensor]:
    """Return copies of parameters."""
    parameters = dict(model.named_parameters())
    return {name: parameters[name].detach().clone() for name in names}


def put_back(model: Tunable, state: State, names: Iterable[str]) -> None:
    """Set parameters to what `state` holds of them, bit for bit."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in names:
            parameters[name].copy_(state[name])


def between(start: State, end: State, alpha: float) -> State:
    """Return `start + alpha * (end - start)`, the ends themselves at 0 and 1."""
    if alpha in {0.0, 1.0}:
        return end if alpha else start
    return {name: torch.lerp(start[name], end[name], alpha) for name in end}


def layer_scales(model: Tunable, layer_decay: float) -> dict[str, float]:
    """Return learning-rate factors by unit: each block learns at `layer_decay` of the block above it."""
    num_blocks = len(model.blocks.blocks)
    scales = {f"block {depth}": layer_decay ** (num_blocks - 1 - depth) for depth in range(num_blocks)}
    return {**scales, "embeddings": layer_decay**num_blocks}


def frozen_units(model: Tunable, freeze_blocks: int, where: str) -> frozenset[str]:
    """Return the units that stay when the lowest `freeze_blocks` blocks, and what is below them, do.

    Args:
        model: The model.
        freeze_blocks: How many blocks stay, from the bottom; 0 for none.
        where: Dotted recipe path of that number.

    Raises:
        RecipeError: If the base has fewer blocks.
    """
    num_blocks = len(model.blocks.blocks)
    if freeze_blocks > num_blocks:
        raise RecipeError(
            "E-TUNING-001",
            say(
                "The base has {num_blocks} blocks; {asked} cannot be frozen.",
                num_blocks=num_blocks,
                asked=freeze_blocks,
            ),
            where=where,
            expected=f"0..{num_blocks}",
        )
    return frozenset({"embeddings", *(f"block {depth}" for depth in range(freeze_blocks))} if freeze_blocks else ())


def model_width(model: Tunable) -> int:
    """Return the hidden width: the commonest size among the dimensions of the first block's matrices."""
    parameters = dict(model.named_parameters())
    sizes = Counter(size for name in model.blocks.blocks[0] for size in parameters[name].shape[:2])
    return max(sizes, key=lambda size: (sizes[size], -size))


def _num_weights(parameter: Tensor) -> int:
    # Four-bit weights are packed two to a byte, and remember what they were.
    packed = getattr(parameter, "quant_state", None)
    return parameter.numel() if packed is None else math.prod(packed.shape)


def _groups(model: Tunable, choice: Choice, parameters: Mapping[str, Tensor]) -> tuple[Group, ...]:
    groups: list[Group] = []
    for unit, names in model.blocks.units.items():
        alike: dict[tuple[float, bool], list[str]] = {}
        for name in names:
            if name in choice.names:
                scale = choice.scales.get(unit, 1.0) * choice.own_scales.get(name, 1.0)
                decays = parameters[name].ndim > 1 and name not in choice.undecayed
                alike.setdefault((scale, decays), []).append(name)
        groups.extend(
            Group(unit, tuple(own), scale, decays) for (scale, decays), own in sorted(alike.items(), reverse=True)
        )
    return tuple(groups)


def _frozen_blocks(model: Tunable, names: frozenset[str]) -> int:
    if names.intersection(model.blocks.embeddings):
        return 0
    for depth, block in enumerate(model.blocks.blocks):
        if names.intersection(block):
            return depth
    return len(model.blocks.blocks)
