"""The lines of a text file, numbered from 1, decoded one by one, never more than one long line in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from afina.data.encoding import Encoding
from afina.data.refusals import MAX_ROW_BYTES


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line.

    Attributes:
        number: Its number, counted from 1.
        text: Its characters including the line break; empty when `code` is set.
        code: Refusal code when it cannot be used (`E-DATA-104` NUL, `E-DATA-105` too long, `E-DATA-106` undecodable).
        column: Where in the line the trouble is, counted from 1, or 0.
    """

    number: int
    text: str
    code: str = ""
    column: int = 0


def read_lines(path: Path, encoding: Encoding) -> Iterator[Line]:
    """Yield the file's lines; one that cannot be used is yielded with its refusal code.

    A line break is LF or CR LF; in a file without any LF near its beginning it is CR (old Macintosh).
    """
    with path.open("rb") as file:
        file.seek(encoding.skip_bytes)
        head = file.read(1 << 16)
        file.seek(encoding.skip_bytes)
        if encoding.is_wide or (b"\r" in head and b"\n" not in head):
            yield from _wide_lines(file, encoding)
        else:
            yield from _narrow_lines(file, encoding)


def _narrow_lines(file: BinaryIO, encoding: Encoding) -> Iterator[Line]:
    number = 0
    while raw := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(raw) > MAX_ROW_BYTES:
            while not raw.endswith(b"\n") and (raw := file.readline(MAX_ROW_BYTES)):
                pass
            yield Line(number, "", "E-DATA-105", MAX_ROW_BYTES)
            continue
        try:
            text = raw.decode(encoding.name)
        except UnicodeDecodeError as error:
            yield Line(number, "", "E-DATA-106", error.start + 1)
            continue
        yield _without_nul(number, text)


def _wide_lines(file: BinaryIO, encoding: Encoding) -> Iterator[Line]:
    # Decoding by the line is impossible here, so what cannot be decoded is marked by the replacement character.
    with io.TextIOWrapper(file, encoding.name, errors="replace", newline="") as reader:
        yield from _decoded_lines(reader)


def _decoded_lines(reader: TextIO) -> Iterator[Line]:
    number = 0
    while text := reader.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(text) > MAX_ROW_BYTES:
            while not text.endswith(("\n", "\r")) and (text := reader.readline(MAX_ROW_BYTES)):
                pass
            yield Line(number, "", "E-DATA-105", MAX_ROW_BYTES)
        elif "\ufffd" in text:
            yield Line(number, "", "E-DATA-106", text.index("\ufffd") + 1)
        else:
            yield _without_nul(number, text)


def _without_nul(number: int, text: str) -> Line:
    position = text.find("\0")
    return Line(number, text) if position < 0 else Line(number, "", "E-DATA-104", position + 1)
