"""JSON as the standard has it: finite numbers, each name once, whole characters, a bounded depth."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

# Written out, half of a surrogate pair always begins like this; texts without it need no closer look.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Refused(ValueError):
    """A JSON text that this project does not take.

    Args:
        code: Refusal code (`E-DATA-111` to `E-DATA-116`, `E-DATA-104`).
        position: Index of the character where the trouble is, 0 when it concerns the whole.
        detail: What the parser expected, in its own words.
    """

    def __init__(self, code: str, position: int = 0, detail: str = "") -> None:
        self.code, self.position, self.detail = code, position, detail
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value and where it ended.

    Attributes:
        value: What was read.
        end: Index of the first character after it.
    """

    value: Any
    end: int


def parse(text: str, start: int = 0) -> Parsed:
    """Read one JSON value that begins at `start`.

    Raises:
        Refused: With the code of what is wrong and its place.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise Refused("E-DATA-111", error.pos, error.msg) from error
    except RecursionError as error:
        raise Refused("E-DATA-115", start) from error
    except Refused:
        raise
    except ValueError as error:
        # Python refuses to convert integers of thousands of digits.
        raise Refused("E-DATA-114", start) from error
    if _SURROGATE.search(text, start, end):
        _whole_characters(value, start)
    if text.find("\\u0000", start, end) >= 0:
        raise Refused("E-DATA-104", text.index("\\u0000", start))
    return Parsed(value, end)


def _whole_characters(value: Any, start: int) -> None:
    if _HALF_PAIR.search(json.dumps(value, ensure_ascii=False)):
        raise Refused("E-DATA-116", start)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused("E-DATA-113")
    return fields


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise Refused("E-DATA-114")
    return value


def _not_a_number(literal: str) -> float:
    raise Refused("E-DATA-114", detail=literal)


_DECODER = json.JSONDecoder(object_pairs_hook=_once_each, parse_float=_finite, parse_constant=_not_a_number)
