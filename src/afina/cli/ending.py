"""How `train` and `resume` end: with a verdict, or saved half-way; in one process or in several."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from afina.base import environment
from afina.base.errors import AfinaError
from afina.base.messages import language, say
from afina.cli import output
from afina.cli.telling import Telling
from afina.run.folder import ROOT, RunFolder, environment_of
from afina.run.signals import Interrupted, Signals

if TYPE_CHECKING:
    from afina.run.opened import Run

SAID_BY_ALL = (2, 3, 5, 6)
"""Exit codes of errors that every process meets alike, so that the main one's message is enough."""


@contextmanager
def carrying() -> Iterator[Telling]:
    """Listen to a run while the block carries it, and end the command as a run that was interrupted ends.

    Raises:
        typer.Exit: With 130 or 143 when a signal ended the run.
    """
    if environment.rank():
        output.settings.quiet = True
    with Telling() as told:
        try:
            with Signals():
                told.stage(say("loading the libraries"))
                yield told
        except Interrupted as request:
            told.close()
            _interrupted(request, told.folder)
            raise typer.Exit(request.exit_code) from request
        except AfinaError as error:
            if environment.rank() and error.exit_code in SAID_BY_ALL:
                raise typer.Exit(error.exit_code) from error
            raise


def finished(run: Run) -> None:
    """Show the verdict and where the report is; in the main process alone."""
    if environment.rank():
        return
    from afina.evaluation import box

    folder = run.folder
    if output.settings.json:
        output.print_json(
            {
                "name": folder.name,
                "path": str(folder.path),
                "status": folder.status,
                "verdict": run.verdict,
                "report": str(folder.report),
                "model": str(folder.model),
                "evaluation": run.evaluation.to_dict(),
            }
        )
        return
    known = environment_of(folder).get("base", {}).get("facts", [])
    output.box(say("Verdict"), [*box.lines(run.evaluation), *(["", *known] if known else [])])
    output.show(say("Report: {path}", path=folder.report))
    output.log(say('Try it: afina predict {run} --text "..."', run=reference(folder)))


def reference(folder: RunFolder) -> str:
    """Return what to call a run on a command line: its name, or its path when it does not lie among the runs."""
    return folder.name if folder.path.absolute().parent == ROOT.absolute() else str(folder.path)


def launched(words: Sequence[str], num_processes: int) -> int:
    """Run a verb in several processes, the global options passed on, and return the exit code.

    Args:
        words: The verb and its arguments.
        num_processes: How many.
    """
    from afina.run.launch import launch

    chosen = output.settings
    flags = {"--json": chosen.json, "--quiet": chosen.quiet, "--verbose": chosen.verbose, "--no-color": chosen.no_color}
    options = ["--lang", language(), *(flag for flag, is_set in flags.items() if is_set)]
    return launch([sys.executable, "-m", "afina", *options, *words], num_processes)


def _interrupted(request: Interrupted, folder: RunFolder | None) -> None:
    if environment.rank():
        return
    if output.settings.json:
        names = {} if folder is None else {"name": folder.name, "path": str(folder.path)}
        output.print_json({**names, "status": "interrupted", "step": request.step})
        return
    said = say("Interrupted.") if request.step is None else say("Interrupted; saved at step {step}.", step=request.step)
    output.log(said, level="warn")
    if folder is not None:
        output.log(say("Go on with it: afina resume {run}", run=reference(folder)), level="warn")
