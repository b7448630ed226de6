"""Which characters a file's bytes mean, found by reading all of them once in bounded memory."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from afina.base.errors import DataError
from afina.base.messages import say

_CHUNK_BYTES = 1 << 20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNDEFINED_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1a\x1b"))
_SIGNATURES = (
    (b"PK\x03\x04", "Excel (.xlsx), OpenDocument (.ods) or zip"),
    (b"\xd0\xcf\x11\xe0", "Excel (.xls)"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "PDF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "Arrow"),
    (b"7z\xbc\xaf", "7-Zip"),
)
# Up to this share of undecodable lines a file is still UTF-8 with a few broken rows, rather than another encoding.
_BROKEN_UTF8 = 0.05


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to decode a file.

    Attributes:
        name: A codec's name, without a byte order mark.
        skip_bytes: Length of the byte order mark.
    """

    name: str
    skip_bytes: int = 0

    @property
    def is_wide(self) -> bool:
        """Whether a line break takes more than one byte."""
        return self.name.startswith(("utf-16", "utf-32"))


def detect(path: Path) -> Encoding:
    """Return the file's encoding: by its byte order mark, by NUL pattern, by UTF-8's own rules, else cp1252 or latin-1.

    Raises:
        DataError: `E-DATA-002` if the file is not text.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    refuse_binary(path, head)
    wide = _wide_without_mark(head)
    return Encoding(wide) if wide else Encoding(_narrow(path))


def refuse_binary(path: Path, head: bytes) -> None:
    """Raise when `head`, the first bytes of `path`, belongs to something that is not text.

    Raises:
        DataError: `E-DATA-002`, naming what it looks like.
    """
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if kind or (controls > 0.1 * len(head) and not _wide_without_mark(head)):
        raise DataError(
            "E-DATA-002",
            say("The file is not text; it looks like {kind}.", kind=kind or say("binary data")),
            where=f"{path}:1",
            expected="CSV, TSV, JSONL, JSON, parquet",
            mend=say("Save it as CSV in UTF-8 (in a spreadsheet: Save as, CSV) and try again."),
        )


def _wide_without_mark(head: bytes) -> str:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else ""


def _narrow(path: Path) -> str:
    num_foreign, num_broken, high = 0, 0, set[int]()
    with path.open("rb") as file:
        while line := file.readline(_CHUNK_BYTES):
            if line.isascii():
                continue
            num_foreign += 1
            if not _is_utf8(line):
                num_broken += 1
                high.update(byte for byte in line if byte > 127)
    if num_broken <= _BROKEN_UTF8 * num_foreign:
        return "utf-8"
    return "latin-1" if high & _UNDEFINED_IN_CP1252 else "cp1252"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        # A line cut at the chunk's end may cut a character, which says nothing about the encoding.
        return len(line) == _CHUNK_BYTES and error.start >= len(line) - 3
    return True
