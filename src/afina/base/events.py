"""What happened in a run, one JSON object per line, in a file that only grows.

Each line has `time` (ISO 8601, UTC), `sequence` (0, 1, ...), `kind` and, where it applies, `step`. A line reaches the
kernel before `write` returns, so a killed process loses at most the line it was in; that torn line is dropped on
reopening. NaN and the infinities are written as "nan", "inf" and "-inf", since JSON has no numbers for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from afina.base import durable

_RESERVED = ("time", "sequence", "kind")


class Events:
    """Writes a run's events; reopening goes on where the last whole line ended.

    Args:
        path: The file, made if missing.

    Raises:
        ResourceError: If the file cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._is_closed = False
        self._sequence = 0
        self._file = self._reopened()

    def write(self, kind: str, step: int | None = None, **values: Any) -> None:
        """Append one event.

        Args:
            kind: What happened, for example `step` or `evaluation`.
            step: Number of optimiser steps done so far, or None where none applies.
            values: Further fields, anything that JSON holds.

        Raises:
            ResourceError: If the disk is full or failing; the lines before are intact.
        """
        if clash := [name for name in _RESERVED if name in values]:
            raise TypeError(f"an event's own fields cannot be given: {', '.join(clash)}")
        event: dict[str, Any] = {"time": datetime.now(UTC).isoformat(), "sequence": self._sequence, "kind": kind}
        if step is not None:
            event["step"] = step
        self._file.append((durable.json_line({**event, **values}) + "\n").encode())
        self._sequence += 1

    def rewind(self, step: int) -> int:
        """Drop the events of steps beyond `step`, which a resumed run will live through again, and return how many.

        Events without a step stay, as does the numbering: a sequence number is never given twice.
        """
        kept, dropped = [], 0
        for event in read(self.path):
            if _step(event) > step:
                dropped += 1
            else:
                kept.append(durable.json_line(event) + "\n")
        if dropped:
            durable.write_text(self.path, "".join(kept))
            self._file.close()
            self._file = self._reopened()
        return dropped

    def sync(self) -> None:
        """Flush to the disk, so that a power cut loses nothing that was written before."""
        self._file.sync()

    def close(self) -> None:
        """Flush and close the file; closing twice is harmless."""
        if not self._is_closed:
            self._file.sync()
            self._file.close()
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reopened(self) -> durable.Appender:
        file = durable.Appender(self.path)
        num_bytes, last = _whole(self.path)
        file.cut(num_bytes)
        self._sequence = max(self._sequence, last + 1)
        return file


def read(path: Path | str) -> Iterator[dict[str, Any]]:
    """Yield the events of a file in order; a line that is torn or damaged is passed over, a missing file has none."""
    try:
        with Path(path).open("rb") as file:
            for line in file:
                event = _parse(line)
                if event is not None:
                    yield event
    except FileNotFoundError:
        return


def number(value: Any) -> float:
    """Return an event's number as a float: "nan", "inf" and "-inf" become what they name."""
    return float(value)


def _step(event: Mapping[str, Any]) -> int:
    step = event.get("step")
    return step if isinstance(step, int) else -1


def _whole(path: Path) -> tuple[int, int]:
    """Return the bytes up to the end of the last whole event, and the largest sequence number (-1: none)."""
    end = position = 0
    last = -1
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            event = _parse(line)
            if event is not None:
                end = position
                last = max(last, int(event["sequence"]))
    return end, last


def _parse(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    is_event = isinstance(event, Mapping) and isinstance(event.get("sequence"), int) and "kind" in event
    return dict(event) if is_event else None
