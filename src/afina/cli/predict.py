"""`afina predict`: answer texts or a file of rows with a run's model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afina.base.errors import Problem, UsageError
from afina.base.messages import say
from afina.cli import output
from afina.cli.telling import Paced, Telling
from afina.run import folder

if TYPE_CHECKING:
    from afina.run.opened import Prediction, Run

app = typer.Typer()
"""The one command of this file."""

_MOST_REFUSALS = 20
_TEXT_WIDTH = 60


@app.command(help=say("Answer texts, or every row of a file, with a finished run's model."))
def predict(
    run: Annotated[str, typer.Argument(help=say("A name, a unique prefix, a path, last or best."))],
    rows: Annotated[Path | None, typer.Argument(help=say("Rows with the columns of the training rows."))] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help=say("A text to answer; for pairs of texts, give them in turn."))
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help=say("Where to write the answers: .csv or .jsonl."))
    ] = None,
    root: Annotated[Path, typer.Option(help=say("The folder of runs."))] = folder.ROOT,
) -> None:
    """Answer texts, or every row of a file, with a finished run's model."""
    found = folder.find(run, root)
    if (rows is None) == (not text) or (text and out is not None):
        raise UsageError(
            "E-USAGE-011",
            say("Give either texts or a file of rows."),
            expected=f'afina predict {run} --text "..."  |  afina predict {run} rows.csv -o out.csv',
        )
    from afina.run import predicting
    from afina.run.opened import Run

    if rows is not None and out is not None:
        predicting.check_output([rows], out)
    with Telling() as told:
        told.stage(say("loading the tuned model"))
        opened = Run(found)
        columns = opened.text_columns
    if rows is None:
        _texts(opened, text or [], columns)
    elif out is None:
        _print(opened, rows)
    else:
        _write(opened, rows, out)


def _texts(run: Run, texts: list[str], columns: tuple[str, ...]) -> None:
    if len(texts) % len(columns):
        raise UsageError(
            "E-USAGE-014",
            say("This model reads {count} texts at a time.", count=len(columns)),
            where="--text",
            expected=", ".join(columns),
        )
    starts = range(0, len(texts), len(columns))
    records = [dict(zip(columns, texts[start : start + len(columns)], strict=True)) for start in starts]
    predictions = run.predict(records)
    if output.settings.json:
        pairs = zip(records, predictions, strict=True)
        output.print_json({"predictions": [{**record, **prediction.as_dict()} for record, prediction in pairs]})
        return
    for record, prediction in zip(records, predictions, strict=True):
        output.show(_line(prediction, " / ".join(record.values())))


def _print(run: Run, path: Path) -> None:
    from afina.run import predicting

    opened = predicting.open_rows(run, path)
    refused: list[Problem] = []
    document: list[dict[str, Any]] = []
    for row, prediction in predicting.answers(run, opened, refused):
        if output.settings.json:
            document.append({"where": row.where, **prediction.as_dict()})
        else:
            text = " / ".join(str(row.values.get(column, "")) for column in opened.columns.text)
            output.show(f"{row.line}: {_line(prediction, text)}")
    if output.settings.json:
        output.print_json({"predictions": document, "refused": [asdict(problem) for problem in refused]})
    _warn(refused)


def _write(run: Run, path: Path, out: Path) -> None:
    from afina.run import predicting

    opened = predicting.open_rows(run, path)
    count, refused = predicting.write(run, opened, out, Paced())
    if output.settings.json:
        problems = [asdict(problem) for problem in refused]
        output.print_json({"output": str(out), "num_rows": count, "refused": problems})
    else:
        output.show(say("{count} rows answered: {path}", count=count, path=out))
    _warn(refused)


def _warn(refused: list[Problem]) -> None:
    if not refused:
        return
    output.log(say("{count} rows have no answer, because they cannot be read:", count=len(refused)), level="warn")
    for problem in refused[:_MOST_REFUSALS]:
        output.log(str(problem), level="warn")
    if len(refused) > _MOST_REFUSALS:
        output.log(say("and {count} more", count=len(refused) - _MOST_REFUSALS), level="warn")


def _line(prediction: Prediction, text: str) -> str:
    short = " ".join(text.split())
    short = short if len(short) <= _TEXT_WIDTH else f"{short[: _TEXT_WIDTH - 1].rstrip()}…"
    named = [prediction.probabilities.get(name) for name in prediction.answer.split(", ")]
    sure = ", ".join(f"{100 * chance:.0f} %" for chance in named if chance is not None)
    return f"{prediction.answer or say('no class')}{f' ({sure})' if sure else ''}  {short}"
