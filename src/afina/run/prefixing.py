"""The frozen part of a run computed once: whether that pays, and doing it before the first step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from afina.base import durable
from afina.base.errors import ResourceError, RunError
from afina.base.lease import Lease
from afina.base.messages import say
from afina.base.types import Segments
from afina.inference import prefix_folder
from afina.inference.forward import Forward
from afina.inference.prefix import Missing, Prefix
from afina.recipe.resolved import Resolved
from afina.run import machine
from afina.run.gather import Gathered
from afina.run.listener import Listener
from afina.run.prepared import Prepared
from afina.tuning.contract import TuningReport

Rows = Mapping[str, list[Segments]]
"""Encoded rows by split."""

FEWEST_EPOCHS = 2
"""Passes over the rows from which on computing once pays."""

LINE_EVERY_S = 15.0
"""Seconds between two words about a long filling."""

WAIT_S = 1.0
"""Seconds between two looks at whether another run is done filling the same."""


def settle(
    resolved: Resolved, gathered: Gathered, forward: Forward, report: TuningReport, epochs: float, processes: Any
) -> Resolved:
    """Decide whether the frozen part is computed once, and make the model ready for it if so.

    Nothing is computed or written yet.

    Args:
        resolved: The recipe, all else settled.
        gathered: The run's ingredients.
        forward: The model.
        report: What moves.
        epochs: Passes over the training rows.
        processes: This process among those that train together, which decide alike.
    """
    asked = resolved.recipe.training.prefix_cache.use
    if asked == "off":
        return resolved
    decided = ["off", forward.leave_out(report.frozen_blocks, report.names)]
    if forward.prefix is not None:
        decided = list(_decide(forward.prefix, gathered, resolved, epochs))
    wanted = gathered.recipe.training.layout
    if decided[0] == "on" and wanted == "packed" and asked == "auto":
        decided = ["off", say("rows are to be packed, and what is kept is laid out padded")]
    if processes.num_processes > 1:
        machine.share(decided)
    if decided[0] == "off":
        forward.compute_all()
    elif wanted == "auto" and forward.model.layout.is_packed:
        # Dropout draws other masks for another layout, so the recipe must say which one it was.
        forward.model.layout = replace(forward.model.layout, wants_packs=False)
        resolved = resolved.infer("training.layout", "padded", say("what is computed once is laid out padded"))
    if asked == "auto":
        return resolved.infer("training.prefix_cache.use", *decided)
    if decided[0] == "off":
        forward.notes.append(say("The frozen part is not computed once: {why}.", why=decided[1]))
    return resolved


def filled(prepared: Prepared, listener: Listener) -> Prepared:
    """Compute the frozen part of every text that has no entry yet, and return the run reading what is kept.

    Args:
        prepared: The run.
        listener: Who is told how far it is.
    """
    limit = prepared.resolved.recipe.training.prefix_cache.max_bytes
    segments = fill(prepared.forward, prepared.gathered.segments, prepared.processes, limit, listener)
    return replace(prepared, gathered=replace(prepared.gathered, segments=segments))


def fill(forward: Forward, segments: Rows, processes: Any, limit_bytes: int, listener: Listener) -> Rows:
    """Compute the frozen part of every text that has no entry yet, and return the rows with their entries.

    Processes that train together share the work. Where the disk refuses, everything is computed at every step as if
    there were no cache, and the listener is told.

    Args:
        forward: The model.
        segments: Encoded rows by split.
        processes: This process among those that train together.
        limit_bytes: Most that the prefix cache may take.
        listener: Who is told how far it is.
    """
    prefix = forward.prefix
    if prefix is None:
        return segments
    refusal = _open(prefix) if processes.is_main_process else ""
    with _alone(prefix, processes, listener):
        prefix.store.look()
        missing = prefix.missing(_all(segments))
        # The shares are cut from what was missing before anybody wrote.
        processes.wait_for_everyone()
        refusal = refusal or _fill_share(prefix, missing, processes, limit_bytes, listener)
        refusals = machine.gathered(refusal) if processes.num_processes > 1 else [refusal]
    if any(refusals):
        why = next(reason for reason in refusals if reason)
        listener.warning(say("The frozen part is computed at every step. {why}", why=why))
        forward.compute_all()
        return segments
    prefix.store.look()
    # Processes on another machine have another disk, and there what this one lacks.
    prefix.fill(prefix.missing(_all(segments)))
    prefix.store.look()
    return {name: prefix.attach(rows) for name, rows in segments.items()}


def _decide(prefix: Prefix, gathered: Gathered, resolved: Resolved, epochs: float) -> tuple[str, str]:
    training = resolved.recipe.training
    missing = prefix.missing(_all(gathered.segments))
    needed = prefix.bytes_of(missing)
    there = prefix_folder.available_bytes(prefix.folder, training.prefix_cache.max_bytes)
    if needed > there:
        return "off", say(
            "what the frozen part says of all texts takes {needed:.1f} GB, and {there:.1f} GB may be taken",
            needed=needed / 1e9,
            there=there / 1e9,
        )
    if not len(missing):
        return "on", say("what the frozen part ({part}) says of these texts is kept already", part=prefix.part.name)
    if epochs < FEWEST_EPOCHS and training.prefix_cache.use == "auto":
        return "off", say("one pass over the rows computes everything once anyway")
    return "on", say(
        "the frozen part ({part}) says the same of a text in every epoch; kept on the disk in {size:.1f} MB",
        part=prefix.part.name,
        size=needed / 1e6,
    )


def _open(prefix: Prefix) -> str:
    """Make the folder of the key, and return what the disk said against it; empty where it did not."""
    try:
        prefix_folder.begin(prefix.folder, prefix.about)
    except ResourceError as error:
        return str(error)
    return ""


def _fill_share(prefix: Prefix, missing: Missing, processes: Any, limit_bytes: int, listener: Listener) -> str:
    """Fill this process's share, and return what the disk said against it; empty where it did not."""
    try:
        if processes.is_main_process and len(missing):
            listener.stage(say("computing the frozen part once for {count} texts", count=len(missing)))
            for gone in prefix_folder.make_room(prefix.folder, prefix.bytes_of(missing), limit_bytes):
                listener.remark(say("Removed from the prefix cache to make room: {key}", key=gone.key))
        prefix.fill(missing.share(processes.process_index, processes.num_processes), _Progress(listener).heard)
    except ResourceError as error:
        return str(error)
    return ""


class _Progress:
    """Says now and then how much of a long filling remains."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._began = self._spoke = time.monotonic()

    def heard(self, share: float) -> None:
        now = time.monotonic()
        if now - self._spoke >= LINE_EVERY_S:
            self._spoke = now
            seconds = (now - self._began) / share * (1 - share)
            self._listener.remark(
                say("frozen part: {share:.0%} computed, about {seconds:.0f} s remain", share=share, seconds=seconds)
            )


@contextmanager
def _alone(prefix: Prefix, processes: Any, listener: Listener) -> Iterator[None]:
    """Let one run at a time fill a key, all its processes together; another waits, and finds it filled."""
    lease = _lease(prefix, listener) if processes.is_main_process and prefix.folder.is_dir() else None
    try:
        processes.wait_for_everyone()
        yield
        processes.wait_for_everyone()
    finally:
        if lease is not None:
            lease.release()


def _lease(prefix: Prefix, listener: Listener) -> Lease | None:
    lease, has_spoken = Lease(prefix.folder), False
    while True:
        try:
            lease.acquire()
        except RunError as error:
            if error.code != "E-LEASE-001":
                return None  # no locks here: two runs may compute the same twice, and nothing is lost by it
            if not has_spoken:
                listener.remark(say("Another run is computing the same frozen part; waiting for it."))
                has_spoken = True
            time.sleep(WAIT_S)
        else:
            durable.remove_leftovers(prefix.folder)
            return lease


def _all(segments: Rows) -> list[Segments]:
    return [row for rows in segments.values() for row in rows]
