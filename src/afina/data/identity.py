"""When two texts count as the same, and a number that stands for a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

_NO_WORD = re.compile(r"[\W_]+")
# Of the private use area: no letter, and unlike the control characters for it no space to `str.split`.
_BETWEEN = "\ue01f"


def joined(values: Mapping[str, Any], columns: Sequence[str]) -> str:
    """Return the text of a row: its text columns, kept apart by a character that none of them holds."""
    if len(columns) == 1:
        return str(values[columns[0]])
    return _BETWEEN.join(str(values[name]).replace(_BETWEEN, " ") for name in columns)


def split(text: str, num_columns: int) -> tuple[str, ...]:
    """Return the texts of `num_columns` columns that `joined` put together."""
    return (text,) if num_columns == 1 else tuple(text.split(_BETWEEN))


def normalised(text: str) -> str:
    """Return `text` without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def spelled(text: str) -> str:
    """Return the letters and digits of `text` as words: punctuation does not count, unless there is nothing else.

    Accents count: `esta` and `está` are different words.
    """
    plain = normalised(text)
    return _BETWEEN.join(_NO_WORD.sub(" ", part).strip() or part for part in plain.split(_BETWEEN))


def number(text: str) -> int:
    """Return 64 bits that stand for `text`, the same on every machine."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
