"""What is planned: a run about to begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from afina.base.types import Segments
from afina.engine.material import Material, Settings


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Rows that are judged without being trained on.

    Attributes:
        validation: Encoded rows judged at every evaluation.
        base: Encoded rows that the base runs at the end, each as often as it occurs.
        tuned: Encoded rows that the tuned model runs at the end.
    """

    validation: Sequence[Segments] = ()
    base: Sequence[Segments] = ()
    tuned: Sequence[Segments] = ()

    @property
    def closing(self) -> list[Segments]:
        """Encoded rows run once at the end, under whichever model."""
        return [*self.base, *self.tuned]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A run about to begin.

    Attributes:
        material: What it trains with, made as for training: whatever is held from then on is there already.
        settings: How long and how fast.
        held_out: The rows that are judged.
        num_processes: Processes that train together on this machine.
        gradient_checkpointing: What the recipe says of it; `auto` is decided by the plan.
        is_cache_beside: Whether the prefix cache lies on the disk that the run is written to.
    """

    material: Material
    settings: Settings
    held_out: HeldOut = HeldOut()
    num_processes: int = 1
    gradient_checkpointing: Literal["auto", "on", "off"] = "off"
    is_cache_beside: bool = True

    @property
    def rows(self) -> list[Segments]:
        """Encoded rows that the model itself reads, in training or judged."""
        return [*self.material.segments, *self.held_out.validation, *self.held_out.tuned]

    @property
    def num_epochs(self) -> float:
        """Passes over the rows."""
        return self.settings.num_steps / self.material.plan.steps_per_epoch

    @property
    def judged_every(self) -> int | None:
        """Steps between evaluations; None when there is nothing to judge."""
        return self.settings.evaluate_every_steps if self.held_out.validation else None
