"""What a run will take, measured before it begins.

Weights, gradients and the optimiser's state are exact. Activations are counted on the longest rows, run forward and
backward for real. Time goes from two timed batches over the lengths of all rows. Nothing of the run is changed by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from afina.base.device import DeviceFacts
from afina.base.messages import say
from afina.base.types import Segments
from afina.data import batching
from afina.engine.material import Material, Settings
from afina.engine.stages import spans
from afina.inference.forward import EVALUATION_ROWS
from afina.planning import activations, duration, footprint, mends, workload
from afina.planning.activations import Learning
from afina.planning.figures import Disk, Memory, Steps, judge
from afina.planning.footprint import Parts, Room
from afina.planning.mends import Case
from afina.planning.plan import Plan
from afina.planning.probe import Measured, probe
from afina.planning.span import Span
from afina.planning.state import state_bytes
from afina.planning.storage import Storage, num_saves, storage
from afina.planning.workload import Shapes, Sizes

WEIGHT_WALKS, GRADIENT_WALKS, STATE_WALKS = 2, 4, 2
"""How often a step reads or writes each: clipping measures and scales gradients before the optimiser reads them."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Rows that are judged without being trained on.

    Attributes:
        validation: Encoded rows judged at every evaluation.
        closing: Encoded rows run once at the end, each as often as it occurs: probes, test rows under both models.
    """

    validation: Sequence[Segments] = ()
    closing: Sequence[Segments] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A run about to begin.

    Attributes:
        material: What it trains with, made as for training: whatever is held from then on is there already.
        settings: How long and how fast.
        held_out: The rows that are judged.
        num_processes: Processes that train together on this machine.
        gradient_checkpointing: What the recipe says of it; `auto` is decided here.
    """

    material: Material
    settings: Settings
    held_out: HeldOut = HeldOut()
    num_processes: int = 1
    gradient_checkpointing: Literal["auto", "on", "off"] = "off"

    @property
    def num_epochs(self) -> float:
        """Passes over the rows."""
        return self.settings.num_steps / self.material.plan.steps_per_epoch

    @property
    def judged_every(self) -> int | None:
        """Steps between evaluations; None when there is nothing to judge."""
        return self.settings.evaluate_every_steps if self.held_out.validation else None


def measure(job: Job, facts: DeviceFacts) -> Plan:
    """Return what a run will take; its longest rows are run forward and backward, and no trace of it remains.

    Args:
        job: The run.
        facts: The machine, looked at now, from where the run will be written.
    """
    model, report = job.material.forward.model, job.material.report
    sizes = Sizes.of(job.material.segments)
    parts = _parts(job)
    room = footprint.room(model, job.material.forward.device, facts).shared(job.num_processes)
    case = _case(job, sizes, parts)
    measured = _measured(job.material, case, room)
    if measured is not None:
        case = replace(case, activations=measured.activations)
    case, why = _decided(job, case, room)
    peak, moment = case.peak(room)
    memory = Memory(peak, moment, footprint.shown(case.full_parts), room.limit_bytes, measured is not None)
    saved = _storage(job, parts)
    disk = Disk(saved.peak, saved.checkpoint, saved.model, facts.disk_free_bytes)
    training_s = total_s = None
    if measured is not None:
        training_s, total_s = _times(job, case, measured, saved)
    helping = mends.for_memory(case, room, model, report) if memory.verdict != "fits" else ()
    if disk.verdict != "fits":
        helping = (*helping, *mends.for_disk(case, saved, disk.free_bytes, model, report))
    return Plan(
        _steps(job, sizes),
        report.num_trainable,
        report.num_total,
        memory,
        disk,
        training_s,
        total_s,
        mends=helping,
        gradient_checkpointing=case.gradient_checkpointing,
        gradient_checkpointing_reason=why,
    )


def _decided(job: Job, case: Case, room: Room) -> tuple[Case, str]:
    """Return the run with gradient checkpointing as asked for, or as memory wants it and then why."""
    again = replace(case, gradient_checkpointing="on")
    if job.gradient_checkpointing != "auto":
        return (again if job.gradient_checkpointing == "on" else case), ""
    if judge(case.peak(room)[0], room.limit_bytes) != "no":
        return case, say("the run fits into memory without it")
    if judge(again.peak(room)[0], room.limit_bytes) == "no":
        return case, say("the run would not fit into memory with it either")
    return again, say("the run would not fit into memory without it")


def _parts(job: Job) -> Parts:
    model, report = job.material.forward.model, job.material.report
    state = state_bytes(job.material.optimizer, report.groups, dict(model.named_parameters()))
    parts = footprint.parts_of(model, frozenset(report.names), float(state))
    # Between processes gradients travel in buckets, which are a second copy of them.
    return parts if job.num_processes == 1 else replace(parts, gradients=2 * parts.gradients)


def _case(job: Job, sizes: Sizes, parts: Parts) -> Case:
    model, precision = job.material.forward.model, job.material.forward.precision
    shape = activations.block_shape(model)
    element_bytes = {"bfloat16": 2, "float32": 4, "float64": 8}[precision]
    learning = len(model.blocks.blocks) - job.material.report.frozen_blocks
    cuts_last = job.material.forward.graded is not None
    rows = min(job.material.plan.global_batch_size, len(sizes))
    judged = Sizes.of([*job.held_out.validation, *job.held_out.closing] or job.material.segments)
    largest = workload.shapes(judged, [workload.longest_rows(judged, EVALUATION_ROWS)])
    return Case(
        sizes=sizes,
        micro_batch_size=min(job.settings.micro_batch_size, rows),
        rows_per_process=math.ceil(rows / job.num_processes),
        judged=(int(largest.num_sequences[0]), int(largest.num_tokens[0])),
        activations=activations.formula(shape, learning, element_bytes),
        shape=shape,
        learning=Learning(learning, cuts_last, element_bytes),
        parts=parts,
    )


def _measured(material: Material, case: Case, room: Room) -> Measured | None:
    free = room.free_bytes - case.parts.gradients
    one = replace(case, micro_batch_size=1).full_parts
    if one.kept + one.passing > free:
        return None  # trying would only prove it
    return probe(material, workload.longest_rows(case.sizes, case.micro_batch_size), free)


def _storage(job: Job, parts: Parts) -> Storage:
    settings = job.settings
    saves = num_saves(settings.num_steps, settings.save_every_steps, job.judged_every)
    return storage(parts.moving, parts.state, parts.weights, saves)


def _times(job: Job, case: Case, measured: Measured, saved: Storage) -> tuple[Span, Span]:
    material, settings, parts = job.material, job.settings, case.parts
    if case.gradient_checkpointing == "on":
        measured = measured.computing_again(case.learning.num_recomputed / case.shape.num_blocks)
    batches, _ = workload.epoch(material.plan, case.sizes, settings.micro_batch_size, 0, job.num_processes)
    descent = WEIGHT_WALKS * parts.moving + GRADIENT_WALKS * parts.gradients + STATE_WALKS * parts.state
    traffic = duration.Traffic(descent, saved.checkpoint, settings.num_steps, saved.num_saves)
    steps = duration.training(measured, case.shape, batches, job.num_epochs)
    steps = steps.times(1 - _light_share(job) * (1 - measured.forward_share), 1.0)
    training = steps + duration.moving(traffic, material.forward.device)
    if job.judged_every is not None:
        once = duration.judging(measured, case.shape, _judged(job.held_out.validation))
        training += once.times(-(-settings.num_steps // job.judged_every))
    closing = duration.judging(measured, case.shape, _judged(job.held_out.closing))
    return training, training + closing + duration.CLOSING_S


def _light_share(job: Job) -> float:
    """Return the share of the steps in which only a part moves, which may cost little but their forward pass."""
    report, num_steps = job.material.report, job.settings.num_steps
    stretches = spans(report.stages, job.material.plan.steps_per_epoch, num_steps)
    light = [span.stop - span.start for span in stretches if span.stage.names < frozenset(report.names)]
    return sum(light) / num_steps


def _judged(segments: Sequence[Segments]) -> Shapes:
    sizes = Sizes.of(segments)
    return workload.shapes(sizes, batching.in_order(sizes.longest, EVALUATION_ROWS))


def _steps(job: Job, sizes: Sizes) -> Steps:
    plan, settings = job.material.plan, job.settings
    shares = [
        workload.epoch(plan, sizes, settings.micro_batch_size, rank, job.num_processes)
        for rank in range(job.num_processes)
    ]
    return Steps(
        num_steps=settings.num_steps,
        steps_per_epoch=plan.steps_per_epoch,
        rows_per_step=min(plan.global_batch_size, len(sizes)),
        micro_batch_size=min(settings.micro_batch_size, plan.global_batch_size, len(sizes)),
        num_processes=job.num_processes,
        tokens_per_step=sum(real for _, real in shares) / plan.steps_per_epoch,
        padded_tokens_per_step=sum(shapes.padded_tokens for shapes, _ in shares) / plan.steps_per_epoch,
        longest_tokens=int(sizes.longest.max()),
    )
