"""A run that is ready for its first step, and what its loop is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from afina.base import registry
from afina.data import batching
from afina.engine.contract import Judgement
from afina.engine.material import Material, Settings
from afina.engine.trackers.contract import Tracker
from afina.inference.forward import Forward
from afina.models.contract import Model
from afina.recipe.resolved import Resolved
from afina.retention.contract import Retention
from afina.run import settling
from afina.run.gather import Gathered
from afina.tuning.contract import TuningReport


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that is ready for its first step.

    Attributes:
        gathered: Rows, base and task.
        resolved: The recipe with every value settled.
        model: The model, tuning applied.
        report: What moves.
        forward: The model, ready to run.
        settings: How long and how fast.
        plan: The order of the rows.
        retention: What must not be forgotten.
        processes: This process among those that train together.
        digests: What quantised weights are made of, by name.
        trackers: Where the run is mirrored, by kind.
    """

    gathered: Gathered
    resolved: Resolved
    model: Model
    report: TuningReport
    forward: Forward
    settings: Settings
    plan: batching.Plan
    retention: Retention
    processes: Any
    digests: Mapping[str, str] = field(default_factory=dict)
    trackers: Mapping[str, Tracker] = field(default_factory=dict)

    def material(self, judge: Callable[[], Judgement] | None = None) -> Material:
        """Return what the loop trains with; the retention remembers the weights as they are now.

        Args:
            judge: Judges validation rows, or None.
        """
        gathered, recipe = self.gathered, self.resolved.recipe
        self.retention.prepare(self.model, frozenset(self.model.blocks.head))
        return Material(
            forward=self.forward,
            tuning=gathered.tuning,
            report=self.report,
            objective=registry.build("objectives", recipe.objective),
            aids=settling.aids(gathered),
            retention=self.retention,
            segments=gathered.segments["train"],
            target_kind=gathered.task.target_kind,
            plan=self.plan,
            optimizer=registry.build("engine.optimizers", recipe.training.optimizer),
            schedule=registry.build("engine.schedules", recipe.training.schedule),
            judge=judge,
        )
