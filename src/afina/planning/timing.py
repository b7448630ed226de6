"""The time of a run: what is timed of it, and the sum over its phases.

Before the first step the frozen part may be computed once. Steps and judging then read what is kept, while the base
that the tuned model is compared with computes everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from afina.base.types import Segments
from afina.data import batching
from afina.engine.stages import spans
from afina.inference.forward import EVALUATION_ROWS
from afina.inference.prefix import Missing
from afina.planning import activations, duration, frozen, workload
from afina.planning.footprint import Room
from afina.planning.job import Job
from afina.planning.mends import Case
from afina.planning.probe import Measured, probe
from afina.planning.span import ZERO, Span
from afina.planning.storage import Storage
from afina.planning.workload import Shapes, Sizes

WEIGHT_WALKS, GRADIENT_WALKS, STATE_WALKS = 2, 4, 2
"""How often a step reads or writes each: clipping measures and scales gradients before the optimiser reads them."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What was timed.

    Attributes:
        whole: A step in which the whole model is computed.
        steps: A step as the run takes it: without the frozen part where that is kept.
        filling: Computing the frozen part; None where nothing is computed once.
    """

    whole: Measured
    steps: Measured
    filling: Measured | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """The seconds of a run.

    Attributes:
        filling: Computing the frozen part once.
        training: Steps, judging and checkpoints.
        closing: Everything after the last step.
    """

    filling: Span
    training: Span
    closing: Span

    @property
    def total(self) -> Span:
        """All of them."""
        return self.filling + self.training + self.closing


def timed(job: Job, case: Case, room: Room, missing: Missing | None) -> Timed | None:
    """Run the longest rows for a moment, and leave no trace.

    Args:
        job: The run.
        case: Its memory, by formula.
        room: The memory there is.
        missing: Texts of which the frozen part is computed once; None where the run computes everything at every step.

    Returns:
        What was timed; None where memory does not suffice for that.
    """
    free, material = room.free_bytes - case.parts.gradients, job.material
    one = replace(case, micro_batch_size=1).full_parts
    if one.kept + one.passing > free:
        return None  # trying would only prove it
    rows = workload.longest_rows(case.sizes, case.micro_batch_size)
    whole = probe(material, rows, free)
    if whole is None or missing is None:
        return None if whole is None else Timed(whole, whole)
    steps = frozen.timed_steps(material, rows[: whole.large.num_rows], free)
    momentary = activations.passing(case.shape, case.learning.element_bytes)
    filling = frozen.timed_filling(material.forward, missing, momentary, free) if len(missing) else None
    if steps is None or len(missing) and filling is None:
        return None
    return Timed(whole, steps, filling)


def times(job: Job, case: Case, timed: Timed, saved: Storage, missing: Missing | None) -> Times:
    """Return how long a run takes.

    Args:
        job: The run.
        case: Its memory, with gradient checkpointing as decided.
        timed: What was timed.
        saved: The disk that it takes.
        missing: Texts of which the frozen part is computed once, or None.
    """
    filling = ZERO if missing is None else _filling(job, case, timed, missing)
    return Times(filling, _training(job, case, timed, saved), _closing(job, case, timed))


def _filling(job: Job, case: Case, timed: Timed, missing: Missing) -> Span:
    prefix = job.material.forward.prefix
    if timed.filling is None or prefix is None:
        return ZERO
    own = frozen.fill_shapes(missing.share(0, job.num_processes))
    return duration.training(timed.filling, case.shape, own, 1.0) + duration.writing(prefix.bytes_of(missing))


def _training(job: Job, case: Case, timed: Timed, saved: Storage) -> Span:
    material, settings, parts, measured = job.material, job.settings, case.parts, timed.steps
    if case.gradient_checkpointing == "on":
        # What is kept leaves only the blocks that learn to the forward pass.
        num_blocks = case.shape.num_blocks if material.forward.prefix is None else case.learning.num_blocks
        measured = measured.computing_again(case.learning.num_recomputed / max(1, num_blocks))
    sizes = frozen.read_sizes(material.forward, case.sizes)
    batches, _ = workload.epoch(material.plan, sizes, settings.micro_batch_size, 0, job.num_processes)
    descent = WEIGHT_WALKS * parts.moving + GRADIENT_WALKS * parts.gradients + STATE_WALKS * parts.state
    traffic = duration.Traffic(descent, saved.checkpoint, settings.num_steps, saved.num_saves)
    steps = duration.training(measured, case.shape, batches, job.num_epochs)
    steps = steps.times(1 - _light_share(job) * (1 - measured.forward_share), 1.0)
    training = steps + duration.moving(traffic, material.forward.device)
    if job.judged_every is not None:
        once = duration.judging(measured, case.shape, _judged(job.held_out.validation, sizes))
        training += once.times(-(-settings.num_steps // job.judged_every))
    return training


def _closing(job: Job, case: Case, timed: Timed) -> Span:
    sizes = frozen.read_sizes(job.material.forward, case.sizes)
    base = duration.judging(timed.whole, case.shape, _judged(job.held_out.base, case.sizes))
    tuned = duration.judging(timed.steps, case.shape, _judged(job.held_out.tuned, sizes))
    return base + tuned + duration.CLOSING_S


def _light_share(job: Job) -> float:
    """Return the share of the steps in which only a part moves, which may cost little but their forward pass."""
    report, num_steps = job.material.report, job.settings.num_steps
    stretches = spans(report.stages, job.material.plan.steps_per_epoch, num_steps)
    light = [span.stop - span.start for span in stretches if span.stage.names < frozenset(report.names)]
    return sum(light) / num_steps


def _judged(segments: Sequence[Segments], like: Sizes) -> Shapes:
    """Return the batches in which rows are judged, as wide as those of `like` are computed."""
    sizes = Sizes.of(segments, like.width)
    return workload.shapes(sizes, batching.in_order(sizes.longest, EVALUATION_ROWS))
