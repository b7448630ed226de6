"""What a run will take, measured before it begins.

Weights, gradients and the optimiser's state are exact. Activations are counted on the longest rows, run forward and
backward for real. Time goes from timed batches over the lengths of all rows. Nothing of the run is changed by it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from afina.base.device import DeviceFacts
from afina.base.messages import say
from afina.inference.forward import EVALUATION_ROWS
from afina.planning import activations, footprint, frozen, mends, timing, workload
from afina.planning.activations import Learning
from afina.planning.figures import Disk, Memory, Steps, judge
from afina.planning.footprint import Parts, Room
from afina.planning.job import Job
from afina.planning.mends import Case
from afina.planning.plan import Plan
from afina.planning.span import Span
from afina.planning.state import state_bytes
from afina.planning.storage import Storage, num_saves, storage
from afina.planning.workload import Sizes


def measure(job: Job, facts: DeviceFacts) -> Plan:
    """Return what a run will take; its longest rows are run forward and backward, and no trace of it remains.

    Args:
        job: The run.
        facts: The machine, looked at now, from where the run will be written.
    """
    model, report = job.material.forward.model, job.material.report
    sizes = Sizes.of(job.material.segments, job.material.forward.width)
    parts = _parts(job)
    room = footprint.room(model, job.material.forward.device, facts).shared(job.num_processes)
    case = _case(job, sizes, parts)
    missing = frozen.missing(job)
    timed = timing.timed(job, case, room, missing)
    if timed is not None:
        case = replace(case, activations=timed.whole.activations)
    case, why = _decided(job, case, room)
    peak, moment = case.peak(room)
    memory = Memory(peak, moment, footprint.shown(case.full_parts), room.limit_bytes, timed is not None)
    saved = _storage(job, parts)
    times = None if timed is None else timing.times(job, case, timed, saved, missing)
    once = None if missing is None else frozen.figures(job, missing, None if times is None else times.filling)
    cache_bytes = once.disk_bytes if once is not None and job.is_cache_beside else 0
    there = Span(cache_bytes, cache_bytes) + saved.peak
    disk = Disk(there, saved.checkpoint, saved.model, facts.disk_free_bytes)
    helping = mends.for_memory(case, room, model, report) if memory.verdict != "fits" else ()
    if disk.verdict != "fits":
        helping = (*helping, *mends.for_disk(case, saved, disk.free_bytes, model, report, cache_bytes))
    return Plan(
        _steps(job, sizes),
        report.num_trainable,
        report.num_total,
        memory,
        disk,
        None if times is None else times.training,
        None if times is None else times.total,
        mends=helping,
        gradient_checkpointing=case.gradient_checkpointing,
        gradient_checkpointing_reason=why,
        frozen=once,
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
    judged = Sizes.of([*job.held_out.validation, *job.held_out.closing] or job.material.segments, sizes.width)
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


def _storage(job: Job, parts: Parts) -> Storage:
    settings = job.settings
    saves = num_saves(settings.num_steps, settings.save_every_steps, job.judged_every)
    return storage(parts.moving, parts.state, parts.weights, saves)


def _steps(job: Job, sizes: Sizes) -> Steps:
    plan, settings = job.material.plan, job.settings
    if job.material.forward.prefix is not None:
        sizes = replace(sizes, width=workload.as_long)  # what is kept is not filled up
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
