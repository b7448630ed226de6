"""The frozen part of a run, computed once: what there is to compute, and what that and the steps after it take.

Both are timed on a few rows, whose entries lie in memory meanwhile; nothing is written, and nothing of it remains.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from afina.engine.material import Material
from afina.inference.forward import Forward
from afina.inference.precision import frozen_in
from afina.inference.prefix import Missing, batches
from afina.planning.activations import Activations
from afina.planning.figures import Frozen
from afina.planning.job import Job
from afina.planning.probe import Measured, Sample, now, probe, sampled, untouched
from afina.planning.span import Span
from afina.planning.workload import Shapes, Sizes, as_long, one_position


def missing(job: Job) -> Missing | None:
    """Return the texts of a run that have no entry in the prefix cache yet; None where the run does not use it."""
    prefix = job.material.forward.prefix
    return None if prefix is None else prefix.missing(job.rows)


def figures(job: Job, absent: Missing, fill_s: Span | None) -> Frozen:
    """Return what is computed once, in figures.

    Args:
        job: A run that uses the prefix cache.
        absent: Its texts without an entry.
        fill_s: Seconds that they take, or None.
    """
    prefix = job.material.forward.prefix
    assert prefix is not None, "the run uses the prefix cache"
    return Frozen(prefix.part.name, len(absent), absent.num_tokens, prefix.bytes_of(absent), fill_s)


def read_sizes(forward: Forward, sizes: Sizes) -> Sizes:
    """Return rows as wide as a run computes them: what is kept is not filled up, or one position stands for a text."""
    if forward.prefix is None:
        return sizes
    return replace(sizes, width=one_position if forward.prefix.part.one_position else as_long)


def fill_shapes(absent: Missing) -> Shapes:
    """Return the batches in which texts are computed once."""
    groups = batches(absent)
    longest = [max(absent.segments[place].longest for place in group) for group in groups]
    return Shapes(np.asarray([len(group) for group in groups], dtype=np.int64), np.asarray(longest, dtype=np.int64))


def timed_filling(forward: Forward, absent: Missing, passing: Activations, free_bytes: float) -> Measured | None:
    """Time the computing of the longest texts without an entry.

    Args:
        forward: The model, which leaves out its frozen part.
        absent: The texts, at least one.
        passing: What is there for a moment while one block is computed.
        free_bytes: Memory that this may take.

    Returns:
        The samples, without any backward pass; None when memory ran out even for one text.
    """
    prefix = forward.prefix
    assert prefix is not None, "the run uses the prefix cache"
    first = absent.at(batches(absent)[0])

    def filled(count: int) -> Sample:
        some = first.at(range(count))
        started = now(forward.device)
        with prefix.trying(some):
            ended = now(forward.device)
        longest = some.segments[0].longest
        return Sample(count, count, longest, ended - started, 0.0, round(passing.num_bytes(count, longest)), 0)

    # Weights are cast once in a filling of many batches, so that is no part of a batch's time.
    with untouched(forward), frozen_in(forward.precision, forward.model):
        return sampled(filled, len(first), free_bytes)


def timed_steps(material: Material, rows: np.ndarray, free_bytes: float) -> Measured | None:
    """Time steps on what is kept of rows.

    Args:
        material: What a run that uses the prefix cache trains with.
        rows: The rows of the largest micro-batch, longest first.
        free_bytes: Memory that activations may take.

    Returns:
        The samples; None when memory ran out even for one row.
    """
    prefix = material.forward.prefix
    assert prefix is not None, "the run uses the prefix cache"
    segments = [material.segments[row] for row in rows]
    with prefix.trying(prefix.missing(segments)):
        kept = replace(material, segments=prefix.attach(segments))
        return probe(kept, np.arange(len(rows)), free_bytes)
