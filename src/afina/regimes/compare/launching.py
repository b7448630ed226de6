"""The process that carries runs, as seen by whoever wants them carried."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Any, Self

from afina.base import environment
from afina.base.messages import say
from afina.run.signals import Signals

MODULE = "afina.regimes.compare.worker"
"""What is started."""

_LOOK_EVERY_S = 0.2
_TAIL = 600
_READ_BYTES = 1 << 16


class Worker:
    """Does jobs one after the other; started when the first comes, gone when the block ends.

    Args:
        threads: Threads of every job.
        signals: What the user asked for; the first signal is handed on to the job, which saves and ends.
    """

    def __init__(self, threads: int, signals: Signals) -> None:
        self._threads = threads
        self._signals = signals
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the worker
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._said.close()

    def carry(self, job: Mapping[str, Any], hear: Callable[[dict[str, Any]], None]) -> int:
        """Do one job, and return its exit code, as a shell gives it.

        Args:
            job: See `worker`.
            hear: Is given every event of the job.
        """
        process = self._started()
        assert process.stdin is not None, "it was opened as a pipe"
        process.stdin.write((json.dumps(job) + "\n").encode())
        process.stdin.flush()
        pid, handed_on = 0, False
        while (events := self._heard(process)) is not None:
            for event in events:
                if event["event"] == "began":
                    pid = int(event["pid"])
                elif event["event"] == "ended":
                    return _as_shell(int(event["code"]))
                else:
                    hear(event)
            if self._signals.wish and pid and not handed_on:
                handed_on = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
        self._end()
        return _as_shell(process.returncode) or 1

    def reason(self, code: int) -> str:
        """Return why a job that told no error ended with `code`, from the last lines that it wrote."""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _TAIL))
        last = self._said.read().decode(errors="replace").strip()
        if code == 128 + signal.SIGKILL:
            return say("It was killed from outside, as happens when memory runs out.")
        return say("It ended with code {code}: {last}", code=code, last=last)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            env=environment.for_work(self._threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # A terminal's Ctrl-C would reach the job beside the one that is handed on, and two mean: at once.
            start_new_session=True,
        )
        return self._process

    def _heard(self, process: subprocess.Popen[bytes]) -> list[dict[str, Any]] | None:
        """Return the events of the last moment, or None when no more can come."""
        assert process.stdout is not None, "it was opened as a pipe"
        if not select.select([process.stdout], [], [], _LOOK_EVERY_S)[0]:
            return []
        read = os.read(process.stdout.fileno(), _READ_BYTES)
        *lines, self._rest = (self._rest + read).split(b"\n")
        return [json.loads(line) for line in lines] if read else None

    def _end(self) -> None:
        if self._process is None:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _as_shell(code: int) -> int:
    return code if code >= 0 else 128 - code
