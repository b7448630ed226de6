"""`afina train`: a recipe in, a verdict out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afina.base import environment
from afina.base.messages import say
from afina.cli import output
from afina.cli.ending import carrying, finished, launched
from afina.cli.telling import Telling, moves
from afina.recipe import reading
from afina.run.folder import ROOT

if TYPE_CHECKING:
    from afina.recipe.resolved import Resolved

app = typer.Typer()
"""The one command of this file."""

Processes = Annotated[
    int | None,
    typer.Option("--processes", min=1, metavar="N", help=say("Processes that train together on this machine.")),
]


@app.command(help=say("Fine-tune as a recipe says, compare with the base, and write a report."))
def train(
    recipe: Annotated[Path, typer.Argument(help=say("The recipe's file."))],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help=say("Values that replace the recipe's: training.epochs=5")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=say("Say how long it would take and what memory, and train nothing."))
    ] = False,
    processes: Processes = None,
) -> None:
    """Fine-tune as a recipe says, compare with the base, and write a report."""
    resolved = reading.read(recipe, overrides or [])
    if dry_run:
        _plan(resolved)
        return
    if processes is not None and processes > 1 and not environment.is_launched():
        raise typer.Exit(launched(["train", str(recipe), *(overrides or []), "--processes", str(processes)], processes))
    with carrying() as told:
        from afina.run import python

        run = python.begin(resolved, python.callbacks(not output.settings.quiet), processes, told)
    finished(run)


def _plan(resolved: Resolved) -> None:
    with Telling() as told:
        told.stage(say("loading the libraries"))
        from afina.run import execute
        from afina.run.planning_of import planning_of

        prepared = execute.prepare(resolved, listener=told)
        told.stage(say("timing a few steps"))
        planned = planning_of(prepared, Path(resolved.recipe.output or ROOT))
    if output.settings.json:
        output.print_json(planned.to_dict())
    else:
        for line in [*moves(prepared), *planned.lines()]:
            output.show(line)
    planned.require()
