"""CSV and its relatives: any separator, quotes, encodings, with or without a header, as spreadsheets write them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from afina.base.errors import DataError
from afina.base.messages import say
from afina.data import encoding as encodings
from afina.data import header as headers
from afina.data.cells import NO_DELIMITER, Cells, split_rows
from afina.data.contract import Record
from afina.data.dialect import Dialect, excel_separator, judge, sample
from afina.data.encoding import Encoding
from afina.data.lines import Line, read_lines
from afina.data.refusals import refuse
from afina.recipe.section import Section


class Config(Section):
    """Text files with one row per line and a separator between cells."""

    kind: Literal["csv"] = "csv"
    """Delimited text: CSV, TSV, and lines of plain text (one column)."""
    delimiter: str = "auto"
    """The character between cells, `tab`, `none` (one column), or `auto`."""
    quotes: Literal["auto", "double", "none"] = "auto"
    """Whether cells may stand between double quotes."""
    encoding: str = "auto"
    """The name of the encoding, such as `utf-8` or `cp1252`, or `auto`."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row names the columns."""
    names: tuple[str, ...] = ()
    """Names of the columns of a file without a header; empty: inferred."""
    decimal: Literal["auto", "comma", "point"] = "auto"
    """How numbers are written; columns of numbers with a comma are read with a point."""

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        named = {"tab": "\t", "\\t": "\t", "none": NO_DELIMITER}.get(value, value)
        if named != "auto" and (len(named) != 1 or named in '"\r\n\0'):
            raise ValueError(say("a delimiter is one character, tab, none or auto"))
        return named

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            is_text = value == "auto" or codecs.lookup(value)._is_text_encoding
        except LookupError:
            is_text = False
        if not is_text:
            raise ValueError(say("there is no encoding of this name"))
        return value


@dataclass(frozen=True, slots=True)
class Settled:
    """What one file turned out to be.

    Attributes:
        encoding: Its encoding.
        dialect: Its separator and quotes.
        names: Its columns' names.
        has_header: Whether a row of the file gives them.
        decimals: Indices of columns whose numbers have a decimal comma.
        renamed: Header names that had to be changed, `old -> new`.
        declares: Whether the first line is Excel's `sep=;`.
    """

    encoding: Encoding
    dialect: Dialect
    names: tuple[str, ...]
    has_header: bool
    decimals: tuple[int, ...] = ()
    renamed: tuple[str, ...] = ()
    declares: bool = False


def settle(config: Config, path: Path) -> Settled:
    """Look at a file and decide what `config` leaves open.

    Raises:
        DataError: `E-DATA-002` not text, `E-DATA-003` nothing in it.
    """
    encoding = _encoding(config, path)
    head = sample(read_lines(path, encoding))
    declared = excel_separator(head[0].text) if head and head[0].number == 1 else ""
    lines = head[1:] if declared else head
    given = declared if config.delimiter == "auto" else config.delimiter
    dialect = judge(lines, given, None if config.quotes == "auto" else config.quotes == "double")
    rows = [row.cells for row in _split(lines, dialect) if not row.code]
    if not rows:
        raise empty(path)
    has_header = headers.has_header(rows) if config.header == "auto" else config.header == "yes"
    names, renamed = _names(config, rows, has_header)
    body = rows[1:] if has_header else rows
    decimals = [] if config.decimal == "point" else headers.decimal_comma_columns(body, dialect.delimiter)
    if config.decimal == "comma":
        decimals = list(range(len(names)))
    return Settled(encoding, dialect, tuple(names), has_header, tuple(decimals), tuple(renamed), bool(declared))


def describe(config: Config, path: Path) -> str:
    """Return what was detected in `path`, in one sentence."""
    settled = settle(config, path)
    shown = {"\t": "tab", NO_DELIMITER: say("none"), ",": ",", ";": ";"}.get(
        settled.dialect.delimiter, settled.dialect.delimiter
    )
    text = say(
        "csv, delimiter {delimiter}, encoding {encoding}, {header}",
        delimiter=shown,
        encoding=settled.encoding.name,
        header=say("with a header") if settled.has_header else say("without a header"),
    )
    if settled.decimals:
        columns = ", ".join(settled.names[index] for index in settled.decimals if index < len(settled.names))
        text += ", " + say("decimal comma in {columns}", columns=columns)
    if settled.renamed:
        text += ", " + say("columns renamed: {columns}", columns=", ".join(settled.renamed))
    return text


def empty(path: Path) -> DataError:
    """Return the error for a file without any row."""
    return DataError(
        "E-DATA-003",
        say("The file has no rows."),
        where=f"{path}:1",
        expected=say("a header and at least one row below it"),
        mend=say("Check that the file was saved completely."),
    )


@dataclass(frozen=True, slots=True)
class Delimited:
    """Reads delimited text."""

    config: Config

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the file's records; a broken one carries its problem and its exact line."""
        settled = settle(self.config, path)
        lines = read_lines(path, settled.encoding)
        rows = _split(_after_declaration(lines) if settled.declares else lines, settled.dialect)
        header_waits = settled.has_header
        for row in rows:
            if header_waits and not row.code:
                header_waits = False
                continue
            yield _record(row, settled, path)


def build(config: Config) -> Delimited:
    """Return the reader that `config` describes."""
    return Delimited(config)


def _encoding(config: Config, path: Path) -> Encoding:
    detected = encodings.detect(path)
    if config.encoding == "auto":
        return detected
    wanted = codecs.lookup(config.encoding).name
    # A byte order mark is no character of the first column's name, whatever the encoding is called.
    return Encoding(
        detected.name if wanted in ("utf-16", "utf-32") else wanted.removesuffix("-sig"), detected.skip_bytes
    )


def _names(config: Config, rows: list[list[str]], has_header: bool) -> tuple[list[str], list[str]]:
    if has_header:
        return headers.trim_names(rows[0])
    return (list(config.names), []) if config.names else (headers.name_columns(rows), [])


def _split(lines: Iterator[Line] | list[Line], dialect: Dialect) -> Iterator[Cells]:
    return split_rows(lines, dialect.delimiter, quoted=dialect.quoted, skip_space=dialect.skip_space)


def _after_declaration(lines: Iterator[Line]) -> Iterator[Line]:
    next(lines, None)
    return lines


def _record(row: Cells, settled: Settled, path: Path) -> Record:
    width = len(settled.names)
    if row.code:
        where = f"{path}:{row.line}" + (f":{row.column}" if row.column else "")
        return Record(row.line, {}, refuse(row.code, where, mend=_mend(row.code)))
    cells = row.cells
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) != width:
        expected = say("{width} cells; there are {found}", width=width, found=len(cells))
        return Record(row.line, {}, refuse("E-DATA-101", f"{path}:{row.line}", expected, _mend("E-DATA-101")))
    for index in settled.decimals:
        cells[index] = headers.with_decimal_point(cells[index])
    return Record(row.line, dict(zip(settled.names, cells, strict=True)))


def _mend(code: str) -> str:
    if code in ("E-DATA-101", "E-DATA-102", "E-DATA-103"):
        return say('Put a text that holds the separator between quotes, and write a quote inside it twice ("").')
    if code == "E-DATA-106":
        return say("Save the file as UTF-8, or name its encoding: data.format.encoding=cp1252.")
    return say("Remove the row, or write a corrected copy: afina data fix FILE -o NEW.")
