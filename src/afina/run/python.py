"""Afina from Python: `afina.train(base=..., data=..., tuning="full")`, and what the command line does with a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afina.base import durable, registry
from afina.base.errors import AfinaError, RunError
from afina.base.lease import Lease
from afina.base.messages import say
from afina.data import places
from afina.engine.contract import Callback
from afina.recipe import reading
from afina.recipe.resolved import Resolved
from afina.run import execute, folder, machine, record
from afina.run.folder import RunFolder, environment_of
from afina.run.interruption import LeaveWhenAsked
from afina.run.listener import Listener, Plain, Silent
from afina.run.opened import Run
from afina.run.planning_of import decided, planning_of
from afina.run.signals import Signals


def train(*, show_progress: bool = True, **recipe: Any) -> Run:
    """Train what a recipe given as keywords asks for, and return the finished run.

    Args:
        show_progress: Draw a bar while it trains; works in a notebook too.
        **recipe: The recipe's sections, as in the file: `base`, `data`, `tuning` and any other.

    Raises:
        AfinaError: Whatever is wrong, with what to do about it.
        KeyboardInterrupt: If it is interrupted; a checkpoint is saved before, and `resume` goes on from it.

    Example:
        >>> import afina  # doctest: +SKIP
        >>> run = afina.train(base="builtin:minilm", data="reviews.csv", tuning="full")  # doctest: +SKIP
        >>> run.verdict  # doctest: +SKIP
    """
    listener = Plain() if show_progress else Silent()
    return begin(reading.from_keywords(recipe), callbacks(show_progress), listener=listener)


def begin(
    resolved: Resolved,
    callbacks: Sequence[Callback] = (),
    num_processes: int | None = None,
    listener: Listener | None = None,
) -> Run:
    """Begin a new run of a recipe, and carry it to its end.

    Its folder holds the recipe before anything is read, so that a kill at any moment leaves a run that can be resumed.
    A run that is refused before its first step leaves no folder.

    Args:
        resolved: The recipe.
        callbacks: Behaviours beside those of the recipe.
        num_processes: Processes that must train together; None takes what a launcher started.
        listener: Who is told how far it is, in the main process.

    Raises:
        RunError: If its folder is taken.
        Interrupted: If a signal asked for it.
    """
    with Signals() as signals:
        processes = machine.processes(num_processes)
        machine.set_threads()
        run = _create(resolved, processes)
        if not processes.is_main_process:
            prepared = decided(execute.prepare(resolved, num_processes), None)
            execute.train(prepared, run, [*callbacks, LeaveWhenAsked(signals, processes)])
            return Run(run)
        listener = listener or Silent()
        listener.opened(run)
        with Lease(run.path):
            try:
                prepared = execute.prepare(resolved, num_processes, listener=listener)
                listener.stage(say("timing a few steps"))
                plan = planning_of(prepared, run.path)
                plan.require()
                prepared = decided(prepared, plan)
                listener.remark(plan.sentence)
            except AfinaError:
                durable.remove_folder(run.path)
                raise
            execute.train(prepared, run, [*callbacks, LeaveWhenAsked(signals, processes)], listener)
    return Run(run)


def resume(
    run: RunFolder,
    callbacks: Sequence[Callback] = (),
    num_processes: int | None = None,
    listener: Listener | None = None,
) -> Run:
    """Carry a run that was stopped or killed to its end; a finished one is left as it is.

    Args:
        run: The run.
        callbacks: Behaviours beside those of the recipe.
        num_processes: Processes that train together; None takes the number that the run began with.
        listener: Who is told how far it is, in the main process.

    Raises:
        RunError: If its recipe or data are no longer those it began with, or the number of processes is another.
        Interrupted: If a signal asked for it.
    """
    if run.status == "finished":
        return Run(run)
    resolved, environment = left(run)
    world_size, threads = int(environment["world_size"]), int(environment["threads"])
    if num_processes not in (None, world_size):
        raise RunError(
            "E-RUN-033",
            say("This run began with {count} processes, and goes on exactly with as many.", count=world_size),
            where=str(run.path),
            mend=f"afina resume {run.name} --processes {world_size}",
        )
    with Signals() as signals:
        processes = machine.processes(world_size)
        every = [*callbacks, LeaveWhenAsked(signals, processes)]
        if not processes.is_main_process:
            execute.train(execute.prepare(resolved, world_size, threads), run, every)
            return Run(run)
        listener = listener or Silent()
        listener.opened(run)
        with Lease(run.path):
            execute.train(execute.prepare(resolved, world_size, threads, listener), run, every, listener)
    return Run(run)


def left(run: RunFolder) -> tuple[Resolved, dict[str, Any]]:
    """Return the recipe and the surroundings that a run left, after checking that they are still its own.

    Raises:
        RunError: If the recipe is not the one that the run began with, or was never written.
    """
    environment = environment_of(run)
    if not run.recipe.is_file() or not environment:
        raise RunError(
            "E-RUN-032",
            say("The run {name} was stopped before it wrote down its recipe.", name=run.name),
            where=str(run.path),
            mend=say("Begin it again: afina train RECIPE"),
        )
    resolved = Resolved.load(run.recipe.read_text("utf-8"), str(run.recipe))
    record.check_same(run, resolved, environment)
    return resolved, environment


def callbacks(show_progress: bool) -> list[Callback]:
    """Return the behaviours that every run has beside its recipe's."""
    kinds = ["divergence", *(["progress"] if show_progress else [])]
    return [registry.build("engine.callbacks", registry.config("engine.callbacks", kind)()) for kind in kinds]


def _create(resolved: Resolved, processes: Any) -> RunFolder:
    """Make the run's folder in the main process, and return it in all."""
    chosen = [""]
    if processes.is_main_process:
        recipe = resolved.recipe
        output = Path(recipe.output) if recipe.output else None
        files = record.first_words(resolved, processes.num_processes)
        chosen = [str(folder.create(places.short_name(recipe.data.train), output=output, files=files).path)]
    if processes.num_processes > 1:
        machine.share(chosen)
    return RunFolder(Path(chosen[0]))
