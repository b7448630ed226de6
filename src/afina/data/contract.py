"""What the data floor hands up: rows with their origin, the columns' roles, and splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from afina.base.errors import Problem


@dataclass(frozen=True, slots=True)
class Row:
    """One usable record of the user's data.

    Attributes:
        number: Position in its data set, counted from 0 over all files of the split's source, refused rows left out.
        file: The file it came from.
        line: Line of the file where it starts, counted from 1 (record number for parquet).
        values: The record's fields by column name. CSV fields are text; JSON fields keep their types.
    """

    number: int
    file: str
    line: int
    values: Mapping[str, Any]

    @property
    def where(self) -> str:
        """Return `file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a format reads it, before the columns' roles are known.

    Attributes:
        line: Line where it starts, counted from 1.
        values: Its fields; empty when `problem` is set.
        problem: Why the record cannot be used, or None.
    """

    line: int
    values: Mapping[str, Any]
    problem: Problem | None = None


class Format(Protocol):
    """A way to read records out of a file, one at a time, in bounded memory."""

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the file's records in order; a broken one is yielded with its problem, never dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column plays which role.

    Attributes:
        text: Columns that are read by the model, in order; two make a sentence pair.
        label: Columns that hold the target; several mean one 0/1 column per class.
        group: Column whose rows must stay together in one split, or None.
        reasons: Why each role was given, by role, when it was inferred.
    """

    text: tuple[str, ...]
    label: tuple[str, ...] = ()
    group: str | None = None
    reasons: Mapping[str, str] = ()  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Dataset:
    """The rows of one or several files of the same shape.

    Attributes:
        rows: Usable rows; `rows[i].number == i`.
        columns: The roles of their columns.
        refused: One problem per unusable record, with file, line, reason and mend.
        format: Kind of the format that read them, with what was detected (delimiter, encoding), in one sentence.
        fingerprint: SHA-256 of the files' bytes, hexadecimal, by file name.
    """

    rows: list[Row]
    columns: Columns
    refused: list[Problem]
    format: str
    fingerprint: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Splits:
    """Rows divided for training, choosing and judging.

    Attributes:
        train: Rows the model learns from.
        validation: Rows that choose (early stopping, mixing weight).
        test: Rows that judge; never looked at before.
        rule: How they were divided, in one sentence.
    """

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    rule: str
