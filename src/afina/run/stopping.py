"""Asking a run in another process to save and stop."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from afina.base import lease
from afina.base.errors import RunError
from afina.base.messages import say
from afina.engine import checkpoint
from afina.run.folder import RunFolder, Status

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of a request to stop.

    Attributes:
        pid: The process that was asked; None when the run was not running.
        waited_s: Seconds until it had ended.
        status: The run's status now.
        step: Step of the newest checkpoint; None without one.
    """

    pid: int | None
    waited_s: float
    status: Status
    step: int | None


def stop(run: RunFolder, timeout_s: float = 120.0) -> Stopped:
    """Interrupt the process that holds `run`, as Ctrl-C would, and wait until it has saved and ended.

    Args:
        run: The run.
        timeout_s: Seconds to wait, >= 0.

    Raises:
        RunError: If the process is on another host, belongs to somebody else, or does not end in time.
    """
    who = lease.holder(run.path)
    if who is None:
        return Stopped(None, 0.0, run.status, _newest(run))
    if not who.is_here or not who.pid:
        raise RunError(
            "E-STOP-001",
            say("This run is held by process {pid} on {host}, not on this machine.", pid=who.pid, host=who.host or "?"),
            where=str(run.path),
            mend=say("Stop it there: afina stop {run}", run=run.name),
        )
    begun = time.monotonic()
    _interrupt(who.pid, run)
    # One who is just letting go has taken its name off the lease, and one who waited may hold it next.
    while (now := lease.holder(run.path)) is not None and now.pid in (who.pid, 0):
        if time.monotonic() - begun > timeout_s:
            raise _too_slow(who.pid, timeout_s, run)
        time.sleep(_PAUSE_S)
    return Stopped(who.pid, time.monotonic() - begun, run.status, _newest(run))


def _interrupt(pid: int, run: RunFolder) -> None:
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return  # It ended by itself meanwhile, which is what was asked for.
    except PermissionError as error:
        raise RunError(
            "E-STOP-002",
            say("Process {pid} belongs to another user.", pid=pid),
            where=str(run.path),
            mend=say("Ask that user to stop it: afina stop {run}", run=run.name),
        ) from error


def _too_slow(pid: int, timeout_s: float, run: RunFolder) -> RunError:
    return RunError(
        "E-STOP-003",
        say(
            "Process {pid} was asked to stop and is still running after {seconds} s.", pid=pid, seconds=f"{timeout_s:g}"
        ),
        where=str(run.path),
        expected=say("that it saves a checkpoint and ends"),
        mend=say("Wait longer with --timeout, or end it at once: kill -9 {pid} (what was saved stays whole)", pid=pid),
    )


def _newest(run: RunFolder) -> int | None:
    return max(checkpoint.steps(run.path), default=None)
