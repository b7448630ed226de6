"""`afina eval`: judge a finished run again, against its base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from afina.base.messages import say
from afina.cli import output
from afina.cli.telling import Telling
from afina.run import folder

app = typer.Typer()
"""The one command of this file."""


@app.command(
    name="eval", help=say("Compare a finished run with its base again, on its test rows or on a labelled file.")
)
def evaluate(
    run: Annotated[str, typer.Argument(help=say("A name, a unique prefix, a path, last or best."))] = "last",
    data: Annotated[
        Path | None, typer.Option("--data", help=say("Labelled rows with the columns of the training rows."))
    ] = None,
    root: Annotated[Path, typer.Option(help=say("The folder of runs."))] = folder.ROOT,
) -> None:
    """Compare a finished run with its base again, on its test rows or on a labelled file."""
    found = folder.find(run, root)
    from afina.evaluation import box
    from afina.run import evaluating
    from afina.run.opened import Run

    with Telling() as told:
        evaluation = evaluating.evaluate(Run(found), data, told)
    if output.settings.json:
        judged = None if data is None else str(data)
        output.print_json(
            {"name": found.name, "path": str(found.path), "data": judged, "evaluation": evaluation.to_dict()}
        )
        return
    output.box(say("Verdict"), box.lines(evaluation))
