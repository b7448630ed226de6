"""`afina resume`: carry a run that was stopped or killed to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from afina.base import environment
from afina.base.messages import say
from afina.cli import output
from afina.cli.ending import carrying, finished, launched
from afina.cli.train import Processes
from afina.run import folder

app = typer.Typer()
"""The one command of this file."""


@app.command(help=say("Go on with a run that was interrupted, to the same weights; a finished one is left as it is."))
def resume(
    run: Annotated[str, typer.Argument(help=say("A name, a unique prefix, a path, last or best."))] = "last",
    processes: Processes = None,
    root: Annotated[Path, typer.Option(help=say("The folder of runs."))] = folder.ROOT,
) -> None:
    """Go on with a run that was interrupted, to the same weights; a finished one is left as it is."""
    found = folder.find(run, root)
    if found.status == "finished":
        _nothing_to_do(found)
        return
    world_size = int(folder.environment_of(found).get("world_size", 1))
    if world_size > 1 and processes in (None, world_size) and not environment.is_launched():
        raise typer.Exit(launched(["resume", str(found.path), "--processes", str(world_size)], world_size))
    with carrying() as told:
        from afina.run import python

        ended = python.resume(found, python.callbacks(not output.settings.quiet), processes, told)
    finished(ended)


def _nothing_to_do(found: folder.RunFolder) -> None:
    verdict = (folder.evaluation_of(found).get("verdict") or {}).get("sentence", "")
    if output.settings.json:
        names = {"name": found.name, "path": str(found.path), "status": "finished"}
        output.print_json({**names, "verdict": verdict, "report": str(found.report), "model": str(found.model)})
        return
    output.show(say("{run} is finished; there is nothing to resume.", run=found.name))
    output.show(verdict)
