"""A prepared run handed to the planner: `afina train --dry-run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from afina.base import device, registry
from afina.engine.material import Material
from afina.planning.measuring import HeldOut, Job, measure
from afina.planning.plan import Plan
from afina.run import settling
from afina.run.judging import MOST_GAP_ROWS, MOST_PROBE_ROWS

if TYPE_CHECKING:
    from afina.run.execute import Prepared


def planning_of(prepared: Prepared, folder: Path) -> Plan:
    """Return what a prepared run will take; the run itself is left as it was.

    Args:
        prepared: The run.
        folder: Where it will be written; need not exist yet.
    """
    # As in training, the weights that it starts from are held while it is measured.
    start = prepared.gathered.tuning.state(prepared.model)
    plan = measure(job_of(prepared), device.facts(_existing(folder)))
    del start
    return plan


def job_of(prepared: Prepared) -> Job:
    """Return what the planner measures of a prepared run."""
    gathered, recipe = prepared.gathered, prepared.resolved.recipe
    retention = registry.build("retention", recipe.retention)
    retention.prepare(prepared.model, frozenset(prepared.model.blocks.head))
    material = Material(
        forward=prepared.forward,
        tuning=gathered.tuning,
        report=prepared.report,
        objective=registry.build("objectives", recipe.objective),
        aids=settling.aids(gathered),
        retention=retention,
        segments=gathered.segments["train"],
        target_kind=gathered.task.target_kind,
        plan=prepared.plan,
        optimizer=registry.build("engine.optimizers", recipe.training.optimizer),
        schedule=registry.build("engine.schedules", recipe.training.schedule),
        judge=None,
    )
    return Job(material, prepared.settings, _held_out(prepared), prepared.processes.num_processes)


def _held_out(prepared: Prepared) -> HeldOut:
    segments = prepared.gathered.segments
    train, validation, test = segments["train"], segments["validation"], segments["test"]
    # The base's probe reads all three splits, the tuned model the test rows and, for the gap, some it was trained on.
    closing = [*train[:MOST_PROBE_ROWS], *validation, *test, *test, *train[:MOST_GAP_ROWS]]
    return HeldOut(validation, closing)


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
