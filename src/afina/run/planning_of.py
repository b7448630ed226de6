"""A prepared run handed to the planner: `afina train --dry-run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from afina.base import device
from afina.inference import prefix_folder
from afina.planning.job import HeldOut, Job
from afina.planning.measuring import measure
from afina.planning.plan import Plan
from afina.run import machine
from afina.run.judging import MOST_GAP_ROWS, MOST_PROBE_ROWS
from afina.run.prepared import Prepared


def planning_of(prepared: Prepared, folder: Path) -> Plan:
    """Return what a prepared run will take; the run itself is left as it was.

    Args:
        prepared: The run.
        folder: Where it will be written; need not exist yet.
    """
    place = _existing(folder)
    is_beside = _existing(prefix_folder.root()).stat().st_dev == place.stat().st_dev
    return measure(replace(job_of(prepared), is_cache_beside=is_beside), device.facts(place))


def decided(prepared: Prepared, plan: Plan | None) -> Prepared:
    """Return a run with what its plan decided; every process of it must call this.

    Args:
        prepared: The run.
        plan: Its plan; None in processes other than the main one.
    """
    if prepared.resolved.recipe.training.gradient_checkpointing != "auto":
        return prepared
    found = [plan.gradient_checkpointing, plan.gradient_checkpointing_reason] if plan is not None else ["", ""]
    if prepared.processes.num_processes > 1:
        machine.share(found)
    return replace(prepared, resolved=prepared.resolved.infer("training.gradient_checkpointing", *found))


def job_of(prepared: Prepared) -> Job:
    """Return what the planner measures of a prepared run."""
    return Job(
        prepared.material(),
        prepared.settings,
        _held_out(prepared),
        prepared.processes.num_processes,
        prepared.resolved.recipe.training.gradient_checkpointing,
    )


def _held_out(prepared: Prepared) -> HeldOut:
    segments = prepared.gathered.segments
    train, validation, test = segments["train"], segments["validation"], segments["test"]
    # The base's probe reads all three splits, the tuned model the test rows and, for the gap, some it was trained on.
    base = [*train[:MOST_PROBE_ROWS], *validation, *test]
    return HeldOut(validation, base, [*test, *train[:MOST_GAP_ROWS]])


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
