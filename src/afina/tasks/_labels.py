"""Labels as users write them, read into targets: names, lists of names, columns of zeros and ones, numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from afina.base.errors import DataError, Problem
from afina.base.messages import say
from afina.data.contract import Columns, Row

ProblemKind = Literal["single", "multi", "regression"]

MOST_INTEGER_CLASSES = 20
"""Whole numbers with more distinct values than this are amounts, not classes."""

_SEPARATORS = ("|", ";")


@dataclass(frozen=True, slots=True)
class LabelReader:
    """Reads a row's label.

    Attributes:
        problem: What kind of label.
        labels: The labels in order.
        columns: The columns that hold them.
        separator: What separates several labels in one field.
        scale: Spread of real-valued targets over the training rows.
        shift: Their mean.
    """

    problem: ProblemKind
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    separator: str | None = None
    scale: float = 1.0
    shift: float = 0.0

    def target(self, row: Row) -> int | float | np.ndarray | None:
        """Return the target that a row is trained towards, or None when it has no label.

        Raises:
            DataError: If the label is not one of those trained on, or is not a number.
        """
        # Without a label column this holds of every row.
        if all(_is_missing(row.values.get(column)) for column in self.columns):
            return None
        if self.problem == "regression":
            return (_number(row, self.columns[0]) - self.shift) / self.scale
        names = _names(row, self.columns, self.separator, self.problem)
        places = [self._place(name, row) for name in names]
        if self.problem == "single":
            return places[0]
        target_C = np.zeros(len(self.labels), dtype=np.float32)
        target_C[places] = 1.0
        return target_C

    def references(self, rows: Sequence[Row]) -> np.ndarray:
        """Return class indices (N,) int64, multi-hot rows (N, C) int64, or values (N,) float64 in the label's own unit.

        Raises:
            DataError: If a row has no label, or one that was not trained on; all such rows are listed.
        """
        targets: list[Any] = []
        problems = []
        for row in rows:
            try:
                target = self.target(row)
            except DataError as error:
                problems.append(error.problem)
                continue
            if target is None:
                problems.append(_missing(row, self.columns))
            elif self.problem == "regression":
                # Read anew: scaled and back, a number may differ in its last bit.
                targets.append(_number(row, self.columns[0]))
            else:
                targets.append(target)
        if problems:
            raise DataError(
                "E-DATA-101",
                say("{count} rows have labels that cannot be used.", count=len(problems)),
                problems=tuple(problems),
            )
        if self.problem == "regression":
            return np.asarray(targets, dtype=np.float64)
        return np.asarray(targets, dtype=np.int64)

    def _place(self, name: str, row: Row) -> int:
        try:
            return self.labels.index(name)
        except ValueError:
            raise DataError(
                "E-DATA-102",
                say("The label {name} is not among those of the training rows.", name=repr(name)),
                where=row.where,
                expected=", ".join(self.labels[:12]) + (" ..." if len(self.labels) > 12 else ""),
                mend=say("Mend the label, or add training rows that have it."),
            ) from None


def infer_problem(rows: Sequence[Row], columns: Columns, separator: str | None) -> tuple[ProblemKind, str]:
    """Return the kind of problem that the label columns pose, and why."""
    if len(columns.label) > 1:
        return "multi", say("several label columns")
    column = columns.label[0]
    values = [row.values.get(column) for row in rows if not _is_missing(row.values.get(column))]
    if any(isinstance(value, list) for value in values):
        return "multi", say("the label is a list")
    if separator or _separator(values) is not None:
        return "multi", say("labels are separated by {separator}", separator=repr(separator or _separator(values)))
    numbers = [number for value in values if (number := _as_number(value)) is not None]
    distinct = len(set(numbers))
    if values and len(numbers) == len(values):
        if any(number != int(number) for number in numbers):
            return "regression", say("the label is a number with decimals")
        if distinct > MOST_INTEGER_CLASSES:
            return "regression", say("the label is a whole number with {distinct} different values", distinct=distinct)
    return "single", say("the label is one of {distinct} values", distinct=len({str(value) for value in values}))


def read(
    rows: Sequence[Row], columns: Columns, problem: ProblemKind, labels: tuple[str, ...] | None, separator: str | None
) -> LabelReader:
    """Return a reader whose labels are those of the training rows.

    Raises:
        DataError: If a row has no label, or fewer than two classes are left; all such rows are listed.
    """
    problems = [
        _missing(row, columns.label) for row in rows if all(_is_missing(row.values.get(name)) for name in columns.label)
    ]
    if problems:
        raise DataError(
            "E-DATA-103", say("{count} training rows have no label.", count=len(problems)), problems=tuple(problems)
        )
    if problem == "regression":
        values = np.asarray([_number(row, columns.label[0]) for row in rows])
        return LabelReader(
            problem, (columns.label[0],), columns.label, None, float(values.std()) or 1.0, float(values.mean())
        )
    if problem == "multi" and separator is None and len(columns.label) == 1:
        separator = _separator(row.values.get(columns.label[0]) for row in rows)
    if labels is None:
        found = (
            columns.label
            if len(columns.label) > 1
            else {name for row in rows for name in _names(row, columns.label, separator, problem)}
        )
        labels = tuple(found) if len(columns.label) > 1 else tuple(sorted(found, key=_sort_key))
    if len(labels) < 2 and problem == "single":
        raise DataError(
            "E-DATA-104",
            say(
                "All training rows have the same label, {label}: there is nothing to tell apart.",
                label=repr(labels[0]) if labels else "",
            ),
            where=columns.label[0],
            expected=say("at least two labels"),
            mend=say("Choose the label column with data.label, or add rows of another class."),
        )
    return LabelReader(problem, labels, columns.label, separator)


def counts(targets: Iterable[Any], num_classes: int) -> np.ndarray:
    """Return the number of rows of each class, from class indices or multi-hot rows."""
    total = np.zeros(num_classes, dtype=np.int64)
    for target in targets:
        if isinstance(target, np.ndarray):
            total += target.astype(np.int64)
        else:
            total[int(target)] += 1
    return total


def _names(row: Row, columns: tuple[str, ...], separator: str | None, problem: ProblemKind) -> list[str]:
    if len(columns) > 1:
        return [
            column
            for column in columns
            if str(row.values.get(column)).strip().lower() in {"1", "1.0", "true", "yes", "sim"}
        ]
    value = row.values.get(columns[0])
    if isinstance(value, list):
        return [_name(item) for item in value]
    if problem == "multi" and separator:
        return [part.strip() for part in str(value).split(separator) if part.strip()]
    return [_name(value)]


def _name(value: Any) -> str:
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value).strip()


def _separator(values: Iterable[Any]) -> str | None:
    # A separator is believed when splitting by it makes labels that recur.
    texts = [str(value) for value in values if isinstance(value, str)]
    for separator in _SEPARATORS:
        parts = Counter(part.strip() for text in texts for part in text.split(separator))
        if sum(separator in text for text in texts) > 0.05 * len(texts) and len(parts) < 0.5 * sum(parts.values()):
            return separator
    return None


def _number(row: Row, column: str) -> float:
    number = _as_number(row.values.get(column))
    if number is None:
        raise DataError(
            "E-DATA-105",
            say("The label {value} is not a number.", value=repr(row.values.get(column))),
            where=row.where,
            mend=say("Mend the label, or set task.problem: single."),
        )
    return number


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _missing(row: Row, columns: tuple[str, ...]) -> Problem:
    return Problem(
        what=say("The row has no label."),
        where=row.where,
        expected=", ".join(columns),
        mend=say("Give it a label, or remove the row."),
    )


def _sort_key(label: str) -> tuple[int, float, str]:
    number = _as_number(label)
    return (0, number, label) if number is not None else (1, 0.0, label)
