"""Ctrl-C and its kin: the step is finished and saved, and only then the run ends.

The first SIGINT or SIGTERM is a request. While the loop runs it waits for the end of the step, where all processes
agree on it and a checkpoint is written; elsewhere nothing is lost by ending at once. A second signal of the same kind
ends the process on the spot, which is safe as well: what is on the disk is whole.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Self

import torch

from afina.engine.contract import Progress

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a run to end. A launcher may send the second after a terminal sent the first: one request."""

_SHOW_CURSOR = b"\x1b[?25h\n"


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
            if os.isatty(2):
                os.write(2, _SHOW_CURSOR)
            os._exit(128 + number)
        if not self.wish:
            self.wish = number
            if not self.waits:
                raise Interrupted(number)


@dataclass
class LeaveWhenAsked:
    """A callback that ends the run at the end of a step, once a checkpoint of it is whole.

    Attributes:
        signals: What was asked for.
        processes: This process among those that train together.
    """

    signals: Signals
    processes: Any
    priority: int = 99
    _agreed: int = 0

    def fit_start(self, progress: Progress) -> None:
        """From here on a signal waits."""
        self.signals.waits = True

    def step_done(self, progress: Progress) -> None:
        """Learn whether any process was asked to end; if so, ask for a checkpoint."""
        self._agreed = self._agree()
        progress.must_save = bool(self._agreed)

    def checkpoint_saved(self, progress: Progress) -> None:
        """End the run, if asked: all processes together, when the main one has written."""
        if self._agreed:
            self.processes.wait_for_everyone()
            self.signals.waits = False
            raise Interrupted(self._agreed, progress.step)

    def fit_end(self, progress: Progress) -> None:
        """From here on a signal does not wait, and one that came during the last step is obeyed."""
        self.signals.waits = False
        if self.signals.wish:
            raise Interrupted(self.signals.wish, progress.step)

    def error(self, progress: Progress) -> None:
        """A loop that broke keeps nobody waiting."""
        self.signals.waits = False

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: a request does not outlive the process."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    def _agree(self) -> int:
        if self.processes.num_processes == 1:
            return self.signals.wish
        wish = torch.tensor(self.signals.wish, device=self.processes.device)
        torch.distributed.all_reduce(wish, op=torch.distributed.ReduceOp.MAX)
        return int(wish)
