"""Which format a file has, told by its first bytes, and by its suffix where these leave a choice."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from afina.base import registry
from afina.base.errors import DataError
from afina.base.messages import say
from afina.data.encoding import detect
from afina.data.lines import read_lines


def choose(path: Path) -> Any:
    """Return the options of the format that `path` turns out to have.

    Raises:
        DataError: `E-DATA-003` if the file is empty, `E-DATA-002` if it is neither text nor parquet.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        raise DataError(
            "E-DATA-003",
            say("The file is empty."),
            where=f"{path}:1",
            mend=say("Check that the file was saved completely."),
        )
    kind = "parquet" if head.startswith(b"PAR1") else _text_kind(path)
    return registry.config("data.formats", kind)()


def _text_kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    lines = islice(read_lines(path, detect(path)), 50)
    starts = [line.text.strip() for line in lines if line.text.strip() or line.code]
    first = starts[0] if starts else ""
    if suffix in (".csv", ".tsv") or first[:1] not in ("{", "["):
        # A broken first line says nothing about the rest, so the suffix decides.
        return "jsonl" if suffix == ".json" and sum(text.startswith("{") for text in starts) > 1 else _by_suffix(suffix)
    is_by_line = first.startswith("{") and first.endswith("}") and (len(starts) == 1 or starts[1].startswith("{"))
    holds_rows = len(starts) == 1 and "[" in first and suffix == ".json"
    return "jsonl" if is_by_line and not holds_rows else "json"


def _by_suffix(suffix: str) -> str:
    return "json" if suffix == ".json" else "csv"
