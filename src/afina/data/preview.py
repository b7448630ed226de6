"""A few rows as the model will meet them: which column plays which role, and, with a tokenizer, the tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from afina.base.errors import Problem
from afina.data.contract import Columns, Row
from afina.data.facts import label_names

Tokenize = Callable[[Sequence[str]], Sequence[str]]
"""Gives the tokens of one text, or of a pair, as written in the base's vocabulary."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One row, seen by its roles.

    Attributes:
        where: `file:line`.
        text: The text, or the two texts of a pair.
        label: Names of its labels.
        group: The value that keeps it with others, or None.
        other: Columns without a role.
        tokens: What the model reads, or None without a tokenizer.
    """

    where: str
    text: tuple[str, ...]
    label: tuple[str, ...]
    group: str | None
    other: dict[str, str]
    tokens: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return asdict(self)


def preview(
    items: Iterable[Row | Problem], columns: Columns, num_rows: int = 5, tokenize: Tokenize | None = None
) -> list[Shown]:
    """Return the first usable rows by their roles.

    Args:
        items: Rows and refusals, as `source.stream` yields them; refusals are passed over.
        columns: The columns' roles.
        num_rows: How many rows, 0 or more.
        tokenize: Shows tokens; None: no token view.
    """
    shown: list[Shown] = []
    for item in items:
        if len(shown) >= num_rows:
            break
        if isinstance(item, Row):
            shown.append(_show(item, columns, tokenize))
    return shown


def _show(row: Row, columns: Columns, tokenize: Tokenize | None) -> Shown:
    text = tuple(str(row.values[name]) for name in columns.text)
    group = row.values.get(columns.group) if columns.group else None
    with_role = {*columns.text, *columns.label, columns.group}
    return Shown(
        where=row.where,
        text=text,
        label=label_names(row, columns),
        group=None if group is None else str(group),
        other={name: str(value) for name, value in row.values.items() if name not in with_role},
        tokens=tuple(tokenize(text)) if tokenize else None,
    )
