"""The names of a delimited file's columns, and which of them hold numbers written with a decimal comma."""

from __future__ import annotations

import re
from collections.abc import Sequence

from afina.data.vocabulary import is_known_name

_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d+))?")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first of `rows` names the columns rather than being data.

    It does when a cell is a usual column name; it does not when a cell is a number, a sentence, or a value that comes
    again further down in its column.
    """
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0]]
    if any(is_known_name(cell) for cell in first):
        return True
    if any(_NUMBER.fullmatch(cell) or len(cell) > 60 or len(cell.split()) > 5 for cell in first):
        return False
    if len(first) == 1:
        return False
    below = [{row[index].strip() for row in rows[1:] if index < len(row)} for index in range(len(first))]
    return not any(cell and cell in column for cell, column in zip(first, below, strict=True))


def trim_names(cells: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return usable names for the header's cells, and what had to be changed beyond trimming.

    An empty name becomes `column_3`, a repeated one gets its number: `label`, `label_2`.
    """
    names: list[str] = []
    changes = []
    for index, cell in enumerate(cells, start=1):
        wanted = " ".join(cell.strip().strip("\ufeff").split()) or f"column_{index}"
        name, number = wanted, 1
        while name in names:
            number += 1
            name = f"{wanted}_{number}"
        if name != wanted or not cell.strip():
            changes.append(f"{cell.strip() or index} -> {name}")
        names.append(name)
    return names, changes


def name_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return names for the columns of a file without a header: `text` and `label` if the cells tell, else numbers."""
    width = len(rows[0]) if rows else 0
    even = [row for row in rows if len(row) == width]
    if width == 1:
        return ["text"]
    if width == 2:
        (first_distinct, first_length), (second_distinct, second_length) = (_shape(even, index) for index in (0, 1))
        if second_length * 2 <= first_length or second_distinct <= 0.5 < first_distinct:
            return ["text", "label"]
        if first_length * 2 <= second_length or first_distinct <= 0.5 < second_distinct:
            return ["label", "text"]
    return [f"column_{index}" for index in range(1, width + 1)]


def decimal_comma_columns(rows: Sequence[Sequence[str]], delimiter: str) -> list[int]:
    """Return which columns hold only numbers, some of them with a decimal comma.

    Beside a comma as delimiter, `1,234` is read as an English thousand, so only other digits after the comma count
    there.
    """
    width = len(rows[0]) if rows else 0
    found = []
    for index in range(width):
        values = [row[index].strip() for row in rows if index < len(row) and row[index].strip()]
        matches = [_DECIMAL_COMMA.fullmatch(value) for value in values]
        decimals = [match.group(1) for match in matches if match is not None and match.group(1)]
        certain = delimiter != "," or any(len(digits) != 3 for digits in decimals)
        if decimals and certain and all(matches):
            found.append(index)
    return found


def with_decimal_point(value: str) -> str:
    """Return `1.234,5` as `1234.5`; anything that is no number with a decimal comma stays as it is."""
    text = value.strip()
    return text.replace(".", "").replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else value


def _shape(rows: Sequence[Sequence[str]], index: int) -> tuple[float, float]:
    values = [row[index].strip() for row in rows]
    return len(set(values)) / max(len(values), 1), sum(map(len, values)) / max(len(values), 1)
