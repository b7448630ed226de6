"""Afina from Python: `afina.train(base=..., data=..., tuning="full")`, and what the command line does with a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afina.base import registry
from afina.base.errors import RunError
from afina.base.messages import say
from afina.engine import checkpoint
from afina.engine.contract import Callback
from afina.recipe import reading
from afina.recipe.resolved import Resolved
from afina.run import execute, folder, machine
from afina.run.folder import RunFolder
from afina.run.opened import Run


def train(*, show_progress: bool = True, **recipe: Any) -> Run:
    """Train what a recipe given as keywords asks for, and return the finished run.

    Args:
        show_progress: Draw a bar while it trains; works in a notebook too.
        **recipe: The recipe's sections, as in the file: `base`, `data`, `tuning` and any other.

    Raises:
        AfinaError: Whatever is wrong, with what to do about it.

    Example:
        >>> import afina  # doctest: +SKIP
        >>> run = afina.train(base="builtin:minilm", data="reviews.csv", tuning="full")  # doctest: +SKIP
        >>> run.verdict  # doctest: +SKIP
    """
    return begin(reading.from_keywords(recipe), callbacks(show_progress))


def begin(resolved: Resolved, callbacks: Sequence[Callback] = (), num_processes: int | None = None) -> Run:
    """Begin a new run of a recipe, and carry it to its end.

    Raises:
        RunError: If its folder is taken.
    """
    prepared = execute.prepare(resolved, num_processes)
    chosen: list[str] = [""]
    if prepared.processes.is_main_process:
        recipe = resolved.recipe
        name = Path(recipe.data.train).stem
        output = Path(recipe.output) if recipe.output else None
        chosen = [str(folder.create(name, output=output).path)]
    if prepared.processes.num_processes > 1:
        machine.share(chosen)
    run = RunFolder(Path(chosen[0]))
    execute.train(prepared, run, callbacks)
    return Run(run)


def resume(run: RunFolder, callbacks: Sequence[Callback] = (), num_processes: int | None = None) -> Run:
    """Carry a run that was stopped or killed to its end; a finished one is left as it is.

    Raises:
        RunError: If its recipe or data are no longer those it began with, or the number of processes is another.
    """
    if run.status == "finished":
        return Run(run)
    if not run.recipe.is_file():
        raise RunError(
            "E-RUN-032",
            say("The run {name} was stopped before it wrote down its recipe.", name=run.name),
            where=str(run.path),
            mend=say("Begin it again: afina train RECIPE"),
        )
    environment = json.loads(run.environment.read_text("utf-8"))
    resolved = Resolved.load(run.recipe.read_text("utf-8"), str(run.recipe))
    prepared = execute.prepare(resolved, num_processes or environment["world_size"], environment["threads"])
    execute.train(prepared, run, callbacks)
    return Run(run)


def callbacks(show_progress: bool) -> list[Callback]:
    """Return the behaviours that every run has beside its recipe's."""
    kinds = ["divergence", *(["progress"] if show_progress else [])]
    return [registry.build("engine.callbacks", registry.config("engine.callbacks", kind)()) for kind in kinds]
