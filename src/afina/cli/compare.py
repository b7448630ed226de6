"""`afina compare`: several techniques on the same rows, in one go, and a verdict that says no more than it can."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afina.base.errors import UsageError
from afina.base.messages import say
from afina.cli import output
from afina.recipe import reading
from afina.run.signals import Interrupted

if TYPE_CHECKING:
    from afina.regimes.compare.folder import Comparison

app = typer.Typer()
"""The one command of this file."""

_BUDGET = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h)?\s*")
_UNIT_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_FAILED = 7


@app.command(help=say("Train several techniques under equal conditions, and say which is best, if any is."))
def compare(  # noqa: PLR0913  each is an option of the command line, and none of them belongs to another
    recipe: Annotated[Path | None, typer.Argument(help=say("The recipe's file; none with --resume."))] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help=say("Values that replace the recipe's: training.epochs=5")),
    ] = None,
    tuning: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help=say("Techniques to compare: head,lora,{kind: lora, rank: 32}")),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=A,B,...", help=say("Values of any key of the recipe; given twice, every combination.")
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help=say("Runs of each, every one with another seed."))] = 1,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help=say("What everything may take, such as 90s, 10m or 2h."))
    ] = None,
    search: Annotated[
        int, typer.Option(metavar="N", help=say("Learning rates to try for each, chosen on validation rows."))
    ] = 1,
    output_folder: Annotated[
        Path | None, typer.Option("--output", help=say("Folder of the comparison; else one in comparisons/ is made."))
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="FOLDER", help=say("Go on with a comparison: a path, a name, or last."))
    ] = None,
) -> None:
    """Train several techniques under equal conditions, and say which is best, if any is."""
    from afina.regimes.compare import axes, folder, request

    if resume is not None:
        _refuse_beside_resume(recipe, overrides, tuning, axis)
        _carry(folder.find(resume))
        return
    if recipe is None:
        raise UsageError(
            "E-COMPARE-007", say("No recipe is given."), mend="afina compare recipe.yaml --tuning head,full"
        )
    wanted = axes.parse([*([f"tuning={tuning}"] if tuning is not None else []), *(axis or [])])
    terms = request.Terms(num_seeds=seeds, budget_s=_seconds(budget), num_rates=search)
    words = _command(recipe, overrides or [], tuning, axis or [], terms_words(seeds, budget, search))
    asked = request.build(partial(_read, recipe, overrides or []), wanted, terms, words)
    data = asked.entries[0].resolved.recipe.data.train
    _carry(folder.begin(asked, Path(str(data)).stem, output_folder))


def _carry(comparison: Comparison) -> None:
    from afina.cli.comparing import Telling, show
    from afina.regimes.compare import conduct

    try:
        with Telling() as told:
            results = conduct.carry(comparison, told)
    except Interrupted as signal:
        said = say("Interrupted.")
        if comparison.path.exists():  # before the first run began, nothing is left behind
            said = say("Interrupted. Go on with it: afina compare --resume {path}", path=comparison.path)
        output.log(said, level="warn")
        if output.settings.json:
            output.print_json({"path": str(comparison.path), "status": "interrupted"})
        raise typer.Exit(signal.exit_code) from signal
    show(comparison, results)
    if all(entry["error"] for entry in results["entries"]):
        raise typer.Exit(_FAILED)


def terms_words(seeds: int, budget: str | None, search: int) -> list[str]:
    """Return the options that hold for all entries, as they would be typed; those left at their default are not."""
    words = [] if seeds == 1 else ["--seeds", str(seeds)]
    words += [] if budget is None else ["--budget", budget]
    return words if search == 1 else [*words, "--search", str(search)]


def _read(recipe: Path, overrides: Sequence[str], more: Sequence[str]) -> Any:
    return reading.read(recipe, [*overrides, *more])


def _command(
    recipe: Path, overrides: Sequence[str], tuning: str | None, axis: Sequence[str], terms: Sequence[str]
) -> list[str]:
    words = ["compare", str(recipe), *overrides]
    words += [] if tuning is None else ["--tuning", tuning]
    for text in axis:
        words += ["--axis", text]
    return [*words, *terms]


def _seconds(budget: str | None) -> float | None:
    if budget is None:
        return None
    match = _BUDGET.fullmatch(budget)
    if match is None:
        raise UsageError(
            "E-COMPARE-008",
            say("The budget {text} is no time.", text=repr(budget)),
            where="--budget",
            expected=say("a number and s, m or h, such as 90s, 10m or 2h"),
        )
    return float(match[1]) * _UNIT_S[match[2] or "s"]


def _refuse_beside_resume(*given: Any) -> None:
    if any(given):
        raise UsageError(
            "E-COMPARE-009",
            say("A comparison that is gone on with knows what was asked for; nothing else may be given."),
            where="--resume",
            mend=say("Leave the recipe, --tuning and --axis out, or begin another comparison without --resume."),
        )
