"""Answers for a whole file, a bounded number of rows at a time."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from afina.base import durable
from afina.base.errors import Problem, UsageError
from afina.base.messages import say
from afina.data import source
from afina.data.contract import Columns, Row
from afina.data.source import Opened
from afina.run.opened import Prediction, Run

ROWS_AT_ONCE = 512
"""Rows that are read, answered and written together."""

Answered = tuple[Row, Prediction]
"""A row and what the model says of it."""


def open_rows(run: Run, path: Path) -> Opened:
    """Return a file whose rows have the columns that a run's model reads.

    Raises:
        DataError: If the file does not exist, has no usable row, or lacks a column.
    """
    text = run.text_columns
    opened = source.open_files(source.locate([path], Path()), text=list(text))
    # Labels in the file, if any, are not looked at: a broken one is no reason to leave a row without an answer.
    return replace(opened, columns=Columns(text))


def answers(run: Run, opened: Opened, refused: list[Problem]) -> Iterator[Answered]:
    """Yield every usable row of a file with its answer, in order; the others are added to `refused`."""
    rows = _usable(opened, refused)
    while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield from zip(batch, run.predict_rows(batch), strict=True)


def write(run: Run, opened: Opened, output: Path, done: Callable[[int], None]) -> tuple[int, list[Problem]]:
    """Write a file's rows, every column kept, with the answer and the probability of each label.

    Args:
        run: A finished run.
        opened: The rows, from `open_rows`.
        output: A `.csv` or `.jsonl` file; it appears whole or not at all.
        done: Called with the number of rows answered so far.

    Returns:
        The number of rows written, and why others were left out.

    Raises:
        UsageError: If `output` has another ending, or is the file that is read.
        ResourceError: If the disk does not hold it.
    """
    as_csv = check_output(opened.paths, output)
    heads = _heads(opened) if as_csv else ()
    refused: list[Problem] = []
    count = 0
    with durable.open_atomic(output) as file:
        if as_csv:
            file.write(_csv_line([*heads, *_new_names(run, heads)]))
        for row, prediction in answers(run, opened, refused):
            added = _added(run, prediction)
            if as_csv:
                kept = (_cell(row.values.get(name)) for name in heads)
                file.write(_csv_line([*kept, *added]))
            else:
                names = _new_names(run, tuple(row.values))
                document = {**row.values, **dict(zip(names, added, strict=True))}
                file.write((durable.json_line(_plain(document)) + "\n").encode())
            count += 1
            done(count)
    return count, refused


def check_output(inputs: Sequence[Path], output: Path) -> bool:
    """Return whether `output` is to be CSV (else JSONL), after checking that it may be written.

    Raises:
        UsageError: If it has another ending, or is one of the files that are read.
    """
    if output.suffix.lower() not in (".csv", ".jsonl"):
        raise UsageError(
            "E-USAGE-012", say("Answers are written as CSV or JSONL."), where=str(output), expected="out.csv, out.jsonl"
        )
    if any(path.resolve() == output.resolve() for path in inputs):
        raise UsageError(
            "E-USAGE-013",
            say("The answers would be written over the rows that they answer."),
            where=str(output),
            mend=say("Choose another name with -o."),
        )
    return output.suffix.lower() == ".csv"


def _usable(opened: Opened, refused: list[Problem]) -> Iterator[Row]:
    for item in source.stream(opened):
        if isinstance(item, Row):
            yield item
        else:
            refused.append(item)


def _heads(opened: Opened) -> tuple[str, ...]:
    """Return the columns of all rows, in the order in which they are met."""
    names: dict[str, None] = {}
    for item in source.stream(opened):
        if isinstance(item, Row):
            names.update(dict.fromkeys(item.values))
    return tuple(names)


def _new_names(run: Run, taken: Iterable[str]) -> list[str]:
    """Return the names of the columns that are added; one that exists already is numbered."""
    used = set(taken)
    return [
        next(name for name in itertools.chain([wish], (f"{wish}_{n}" for n in itertools.count(2))) if name not in used)
        for wish in ("answer", *(f"p:{label}" for label in run.labels))
    ]


def _added(run: Run, prediction: Prediction) -> list[Any]:
    if prediction.value is not None:
        return [prediction.value]
    return [prediction.answer, *(prediction.probabilities[label] for label in run.labels)]


def _csv_line(cells: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value


def _plain(document: dict[str, Any]) -> Any:
    """Return values as JSON holds them; parquet has times and bytes that it does not."""
    return json.loads(json.dumps(document, default=str))
