"""Lines into rows of cells: quoting, line breaks inside quotes, and a fresh start on the line after a broken row."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from afina.data.lines import Line
from afina.data.refusals import MAX_ROW_BYTES

MAX_ROW_LINES = 1000
"""A quoted cell spans at most this many lines; beyond, its quote counts as never closed."""

NO_DELIMITER = "\x1f"
"""Stands for "one column": a separator that text does not contain."""

# The default, 131,072 characters, would refuse cells that our own limit on a row allows.
csv.field_size_limit(MAX_ROW_BYTES + 1)


@dataclass(frozen=True, slots=True)
class Cells:
    """One row as it stands in the file.

    Attributes:
        line: Line where it starts, counted from 1.
        cells: Its cells; empty when `code` is set.
        code: Refusal code, or empty.
        column: Where in the line the trouble is, counted from 1, or 0.
    """

    line: int
    cells: list[str]
    code: str = ""
    column: int = 0


def split_rows(lines: Iterable[Line], delimiter: str, *, quoted: bool, skip_space: bool = False) -> Iterator[Cells]:
    """Yield the rows of `lines`; blank ones are left out, broken ones carry their refusal code.

    Args:
        lines: Physical lines in order.
        delimiter: One character between cells.
        quoted: Whether a cell may stand between double quotes, a quote inside being doubled.
        skip_space: Whether spaces after a delimiter are no part of the cell.
    """
    waiting = _Waiting(lines)
    while (line := waiting.next()) is not None:
        if line.code:
            yield Cells(line.number, [], line.code, line.column)
        elif quoted and '"' in line.text:
            row = _quoted_row(line, waiting, delimiter, skip_space)
            if row.code or any(cell.strip() for cell in row.cells):
                yield row
        elif line.text.strip(f"{delimiter} \r\n\t"):
            cells = line.text.rstrip("\r\n").split(delimiter)
            yield Cells(line.number, [cell.lstrip(" ") for cell in cells] if skip_space else cells)


class _Waiting:
    """Lines still to be read, with the possibility of putting some back."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._returned: deque[Line] = deque()

    def next(self) -> Line | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def put_back(self, lines: list[Line]) -> None:
        self._returned.extendleft(reversed(lines))


def _quoted_row(first: Line, waiting: _Waiting, delimiter: str, skip_space: bool) -> Cells:
    pulled: list[Line] = []

    def texts() -> Iterator[str]:
        num_characters = len(first.text)
        yield first.text
        while num_characters <= MAX_ROW_BYTES and len(pulled) < MAX_ROW_LINES:
            line = waiting.next()
            if line is None:
                return
            pulled.append(line)
            if line.code:
                return
            num_characters += len(line.text)
            yield line.text

    try:
        cells = next(csv.reader(texts(), delimiter=delimiter, strict=True, skipinitialspace=skip_space))
    except csv.Error as error:
        # Whatever was swallowed after the broken row's first line is read again as rows of its own.
        waiting.put_back(pulled)
        code = "E-DATA-102" if "unexpected end" in str(error) else "E-DATA-103"
        return Cells(first.number, [], code, first.text.index('"') + 1)
    return Cells(first.number, cells)
