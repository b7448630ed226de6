"""Several processes that train together on this machine, started and looked after as one command.

Only the main one speaks. What another writes is kept aside, and shown when that one was the first to fail.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from afina.base import device, environment
from afina.base.messages import say

GRACE_S = 20.0
"""Seconds that the others have to end by themselves once one has failed, and again after being asked to."""

_FORWARDED = (signal.SIGINT, signal.SIGTERM)
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class _Process:
    rank: int
    running: subprocess.Popen[bytes]
    errors: IO[bytes] | None

    @property
    def code(self) -> int | None:
        """Exit code as a shell gives it, or None while it runs."""
        code = self.running.poll()
        return code if code is None or code >= 0 else 128 - code


def launch(command: Sequence[str], num_processes: int) -> int:
    """Run `command` in several processes that find each other, and return the exit code of the first that failed, or 0.

    Signals that ask this process to end are handed on to all of them.

    Args:
        command: Program and arguments, the same for each.
        num_processes: How many, >= 1.
    """
    port = _free_port()
    with contextlib.ExitStack() as files:
        group: list[_Process] = []
        with _handing_on(group):
            for rank in range(num_processes):
                errors = files.enter_context(tempfile.TemporaryFile()) if rank else None
                group.append(_start(command, rank, num_processes, port, errors))
            first = _wait(group)
        if first is None:
            return 0
        if first.code != group[0].code:
            _show(first)
        return first.code or 0


def _start(command: Sequence[str], rank: int, num_processes: int, port: int, errors: IO[bytes] | None) -> _Process:
    running = subprocess.Popen(
        command,
        env=environment.for_process(rank, num_processes, port, max(1, device.num_cores() // num_processes)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if rank else None,
        stderr=errors,
        # A terminal's Ctrl-C would reach them beside the one that is handed on, and two mean: at once.
        start_new_session=True,
    )
    return _Process(rank, running, errors)


def _wait(group: list[_Process]) -> _Process | None:
    """Return the first process that failed, once all have ended; None when none did."""
    first: _Process | None = None
    asked: list[tuple[float, int]] = []
    while any(process.code is None for process in group):
        if first is None:
            first = next((process for process in group if process.code), None)
            now = time.monotonic()
            asked = [(now + GRACE_S, signal.SIGTERM), (now + 2 * GRACE_S, signal.SIGKILL)]
        elif asked and time.monotonic() > asked[0][0]:
            _tell(group, asked.pop(0)[1])
        time.sleep(_PAUSE_S)
    return first or next((process for process in group if process.code), None)


@contextlib.contextmanager
def _handing_on(group: list[_Process]) -> Iterator[None]:
    def hand_on(number: int, frame: Any) -> None:
        _tell(group, number)

    before = {number: signal.signal(number, hand_on) for number in _FORWARDED}
    try:
        yield
    finally:
        for process in group:
            if process.code is None:
                process.running.kill()
            process.running.wait()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _tell(group: list[_Process], number: int) -> None:
    for process in group:
        if process.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.running.pid, number)


def _show(process: _Process) -> None:
    """Print what a process wrote before it failed, unless it is the main one, which speaks for itself."""
    if process.errors is None:
        return
    process.errors.seek(0)
    said = say("Process {rank} was the first to fail:", rank=process.rank)
    sys.stderr.write(f"{said}\n")
    sys.stderr.flush()
    shutil.copyfileobj(process.errors, sys.stderr.buffer)
    sys.stderr.flush()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
