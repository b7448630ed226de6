"""Numbers, dates and sizes as the report's reader writes them: 1,234.5 in English, 1.234,5 in Portuguese."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from afina.base import messages
from afina.base.messages import say

ABSENT = "–"
"""What stands where a number is not known."""

_PORTUGUESE = str.maketrans(",.", ".,")


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Speak the language `name` (`en` or `pt`) inside the block, and the former one after it."""
    former = messages.language()
    messages.set_language(name)
    try:
        yield
    finally:
        messages.set_language(former)


def number(value: object, decimals: int = 3) -> str:
    """Return a number with grouped thousands and at most `decimals` digits after the point; a dash when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ABSENT
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{decimals}f}"
    return _localised(text)


def scientific(value: object) -> str:
    """Return a small number such as a learning rate with three significant digits: `0.0003` or `2e-5`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return ABSENT
    return _localised(f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e"))


def percent(share: object, decimals: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share):
        return ABSENT
    return f"{_localised(f'{100 * share:.{decimals}f}')}%"


def share(value: float) -> str:
    """Return a share as a percentage with as many digits as tell a small one from nothing: `100%`, `0.8%`, `0.014%`."""
    return percent(value, 0 if value == 1 else 1 if value > 0.001 else 3)


def signed(text: str) -> str:
    """Put a plus before a formatted number that has no minus, and make the minus a true one."""
    return text.replace("-", "−", 1) if text.startswith("-") else f"+{text}"


def duration(seconds: object) -> str:
    """Return a time span in the two largest units that matter: `48 s`, `3 min 05 s`, `2 h 10 min`."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ABSENT
    if seconds < 10:
        return f"{number(float(seconds), 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{number(whole // 3600)} h {whole % 3600 // 60:02d} min"


def size(num_bytes: object) -> str:
    """Return a number of bytes in the decimal unit that fits: `87.3 MB`."""
    if isinstance(num_bytes, bool) or not isinstance(num_bytes, int | float) or not math.isfinite(num_bytes):
        return ABSENT
    value = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000 or unit == "GB":
            return f"{number(value, 0 if unit in ('B', 'kB') else 1)} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes every size")


def moment(iso: object) -> str:
    """Return an ISO 8601 time as a date and an hour, in its own time zone; as it stands when it is no such time."""
    try:
        when = datetime.fromisoformat(str(iso))
    except ValueError:
        return str(iso)
    day = f"{when.day:02d}/{when.month:02d}/{when.year}" if messages.language() == "pt" else when.strftime("%Y-%m-%d")
    zone = " UTC" if when.utcoffset() is not None and not when.utcoffset() else ""
    return say("{day}, {hour}", day=day, hour=f"{when:%H:%M}{zone}")


def level(name: str) -> str:
    """Return the word for how much a finding or a note matters."""
    return {"error": say("error"), "warn": say("warning"), "warning": say("warning")}.get(name, say("note"))


def _localised(text: str) -> str:
    return text.translate(_PORTUGUESE) if messages.language() == "pt" else text
