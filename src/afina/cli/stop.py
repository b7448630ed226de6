"""`afina stop`: ask a run in another process to save and stop."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from afina.base.messages import say
from afina.cli import output
from afina.run import folder, listing, stopping

app = typer.Typer(add_completion=False, rich_markup_mode=None)
"""The one command of this file."""


@app.command(help=say("Ask a running run to save a checkpoint and stop, and wait until it has."))
def stop(
    run: Annotated[str, typer.Argument(help=say("A name, a unique prefix, a path, last or best."))],
    timeout: Annotated[float, typer.Option(min=0.0, help=say("Seconds to wait until it has saved and ended."))] = 120.0,
    root: Annotated[Path, typer.Option(help=say("The folder of runs."))] = folder.ROOT,
) -> None:
    """Ask a running run to save a checkpoint and stop, and wait until it has."""
    found = folder.find(run, root)
    stopped = stopping.stop(found, timeout)
    if output.settings.json:
        output.print_json({"name": found.name, "path": str(found.path), **asdict(stopped)})
        return
    status, seconds = listing.status_word(stopped.status), f"{stopped.waited_s:.1f}"
    if stopped.pid is None:
        output.show(say("{run} is not running ({status}).", run=found.name, status=status))
    elif stopped.step is None or stopped.status != "interrupted":
        output.show(
            say("{run} has ended ({status}) after {seconds} s.", run=found.name, status=status, seconds=seconds)
        )
    else:
        saved = say(
            "{run} was stopped in {seconds} s; it is saved at step {step}.",
            run=found.name,
            seconds=seconds,
            step=stopped.step,
        )
        output.show(saved)
        output.log(say("Go on with it: afina resume {run}", run=found.name))
