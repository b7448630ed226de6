"""Tunings that move some of the model's own weights: they differ in the choice alone.

Everything but the choice of parameters is here, so `full`, `head`, `last-blocks`, `bias` and `norm` are short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

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
        learning_rate: What `auto` means.
        reason: The rule behind it, with its source.
    """

    names: frozenset[str]
    learning_rate: float
    reason: str
    scales: Mapping[str, float] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()


@dataclass(eq=False)
class Selection:
    """A tuning that moves a selection of the model's own weights.

    Args:
        kind: The technique's name.
        choose: Its choice on a given model.
    """

    kind: str
    choose: Callable[[Tunable], Choice]
    supports: frozenset[str] = frozenset({"encoder"})
    requires: Mapping[str, object] = field(default_factory=dict)
    _names: tuple[str, ...] = ()

    def apply(self, model: Tunable) -> TuningReport:
        """Make exactly the chosen parameters trainable, and report them."""
        choice = self.choose(model)
        parameters = dict(model.named_parameters())
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in choice.names)
        self._names = tuple(name for name in parameters if name in choice.names)
        return TuningReport(
            kind=self.kind,
            num_trainable=sum(parameters[name].numel() for name in self._names),
            num_total=sum(parameter.numel() for parameter in parameters.values()),
            groups=_groups(model, choice, parameters),
            stages=choice.stages or (Stage(self.kind, choice.names),),
            frozen_blocks=_frozen_blocks(model, choice.names),
            learning_rate=choice.learning_rate,
            learning_rate_reason=choice.reason,
        )

    def state(self, model: Tunable) -> dict[str, Tensor]:
        """Return copies of the weights that moved."""
        parameters = dict(model.named_parameters())
        return {name: parameters[name].detach().clone() for name in self._names}

    def load(self, model: Tunable, state: State) -> None:
        """Put the weights of `state` back, bit for bit."""
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name in self._names:
                parameters[name].copy_(state[name])

    def merge(self, model: Tunable) -> None:
        """Do nothing: the weights that moved are the base's own."""

    def interpolate(self, model: Tunable, start: State, end: State, alpha: float) -> None:
        """Set every weight that moved to `start + alpha * (end - start)`; the ends are met bit for bit."""
        if alpha in {0.0, 1.0}:
            self.load(model, end if alpha else start)
            return
        self.load(model, {name: torch.lerp(start[name], end[name], alpha) for name in self._names})


def model_width(model: Tunable) -> int:
    """Return the hidden width: the commonest size among the dimensions of the first block's parameters."""
    parameters = dict(model.named_parameters())
    sizes = Counter(size for name in model.blocks.blocks[0] for size in parameters[name].shape)
    return max(sizes, key=lambda size: (sizes[size], -size))


def _groups(model: Tunable, choice: Choice, parameters: Mapping[str, Tensor]) -> tuple[Group, ...]:
    groups = []
    for unit, names in model.blocks.units.items():
        moving = [name for name in names if name in choice.names]
        for decays in (True, False):
            chosen = tuple(name for name in moving if (parameters[name].ndim > 1) is decays)
            if chosen:
                groups.append(Group(unit, chosen, choice.scales.get(unit, 1.0), decays))
    return tuple(groups)


def _frozen_blocks(model: Tunable, names: frozenset[str]) -> int:
    if names.intersection(model.blocks.embeddings):
        return 0
    for depth, block in enumerate(model.blocks.blocks):
        if names.intersection(block):
            return depth
    return len(model.blocks.blocks)
