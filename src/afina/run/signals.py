"""Ctrl-C and its kin as requests, heard from before anything heavy is imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a run to end. A launcher may send the second after a terminal sent the first: one request."""

_SHOW_CURSOR = "\x1b[?25h\n"


class Interrupted(KeyboardInterrupt):
    """A run ended because a signal asked it to.

    Args:
        number: The signal's number.
        step: The step that was saved last thing, or None when the loop was not running.
    """

    def __init__(self, number: int, step: int | None = None) -> None:
        super().__init__(number, step)
        self.number = number
        self.step = step

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that the signal ended: 130 or 143."""
        return 128 + self.number


class Signals:
    """Listens while its block runs; in a thread other than the main one, which gets no signals, it does nothing.

    Handlers are installed even where a signal is ignored: a shell starts its background jobs that way.

    Attributes:
        wish: Number of the signal that came first; 0 when none did.
        waits: Whether a first signal waits for the end of the step instead of ending the run at once.
    """

    def __init__(self) -> None:
        self.wish = 0
        self.waits = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None stands for a handler that was not installed from Python, and cannot be put back from there.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number == self.wish:
            if sys.stderr.isatty():
                sys.stderr.write(_SHOW_CURSOR)
                sys.stderr.flush()
            os._exit(128 + number)
        if not self.wish:
            self.wish = number
            if not self.waits:
                raise Interrupted(number)
