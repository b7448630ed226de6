"""How a delimited file is written: separator and quotes, judged by how evenly they cut the first lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from afina.data.cells import NO_DELIMITER, split_rows
from afina.data.lines import Line

DELIMITERS = ("\t", ";", "|", ",")
"""Separators that are tried, the likelier on a tie first: a comma is the one that occurs in prose."""

_SAMPLE_LINES = 1000
_SAMPLE_CHARACTERS = 500_000
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Dialect:
    """Separator and quotes.

    Attributes:
        delimiter: The character between cells, `NO_DELIMITER` for a file of one column.
        quoted: Whether cells may stand between double quotes.
        skip_space: Whether a space after the delimiter is no part of the cell.
    """

    delimiter: str
    quoted: bool
    skip_space: bool = False


def sample(lines: Iterable[Line]) -> list[Line]:
    """Return the usable ones among the first lines, a bounded number of them."""
    taken, num_characters = [], 0
    for line in islice(lines, _SAMPLE_LINES):
        if line.code:
            continue
        taken.append(line)
        num_characters += len(line.text)
        if num_characters > _SAMPLE_CHARACTERS:
            break
    return taken


def excel_separator(text: str) -> str:
    """Return the separator that a first line `sep=;` declares, or nothing."""
    declared = text.strip("\ufeff\r\n \"'")
    return declared[4] if len(declared) == 5 and declared.lower().startswith("sep=") else ""


def judge(lines: list[Line], delimiter: str = "", quoted: bool | None = None) -> Dialect:
    """Return the dialect that cuts `lines` most evenly; what is given is not judged.

    A separator is taken when at least half of the rows have as many cells as the first, or when the first row reads as
    a list of names; otherwise the file has one column.
    """
    best, best_share = NO_DELIMITER, 0.0
    for candidate in (delimiter,) if delimiter else DELIMITERS:
        share, width, first = _evenness(lines, candidate, _quotes(lines, candidate, quoted))
        accepted = delimiter or (width > 1 and (share >= 0.5 or _reads_as_names(first)))
        if accepted and round(share, 2) > best_share - (1 if delimiter else 0):
            best, best_share = candidate, round(share, 2)
    apart = sum(f'{best} "' in line.text for line in lines)
    together = sum(f'{best}"' in line.text for line in lines)
    return Dialect(best, _quotes(lines, best, quoted), skip_space=apart > together)


def _evenness(lines: list[Line], delimiter: str, quoted: bool) -> tuple[float, int, list[str]]:
    rows = list(split_rows(lines, delimiter, quoted=quoted))
    first = next((row.cells for row in rows if not row.code), [])
    return sum(len(row.cells) == len(first) for row in rows) / max(len(rows), 1), len(first), first


def _quotes(lines: list[Line], delimiter: str, given: bool | None) -> bool:
    if given is not None:
        return given
    with_quotes, _, _ = _evenness(lines, delimiter, True)
    without, _, _ = _evenness(lines, delimiter, False)
    if abs(with_quotes - without) > 0.01:
        return with_quotes > without
    # Equally even: quotes are quoting if every cell that opens with one also ends with one.
    cells = [cell.strip() for row in split_rows(lines, delimiter, quoted=False) for cell in row.cells]
    opened = [cell for cell in cells if cell.startswith('"')]
    if not opened:
        return delimiter not in ("\t", NO_DELIMITER)
    return all(len(cell) > 1 and cell.endswith('"') for cell in opened)


def _reads_as_names(cells: list[str]) -> bool:
    return len(cells) > 1 and all(map(_reads_as_name, (cell.strip() for cell in cells)))


def _reads_as_name(cell: str) -> bool:
    short = 0 < len(cell) <= _LONGEST_NAME and len(cell.split()) <= 3
    return short and cell[-1] not in ".!?…" and not cell.replace(".", "").isdigit()
