"""One writer per folder.

The holder keeps a kernel lock on the folder's `.lease` file and states in it who it is. The kernel releases the lock
when the process ends, however it ends, so a lease is never stale: who can take the lock, may.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
import uuid
import weakref
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from afina.base import durable
from afina.base.errors import RunError
from afina.base.messages import say

FILE = ".lease"
"""Name of the lease's file inside the folder."""

# Somebody who merely looks whether a lease is held touches the lock for an instant; a second try tells the two apart.
_TRIES = 20
_PAUSE_S = 0.025


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a folder.

    Attributes:
        pid: Process number on its host; 0 when it has not stated itself yet.
        host: The host's name.
        boot_id: Identity of the host's present start, so that a process number is not taken for one before a restart.
        started: When the folder was taken, ISO 8601, UTC.
    """

    pid: int
    host: str
    boot_id: str
    started: str

    @property
    def is_here(self) -> bool:
        """Whether the process runs on this host, since this host's last start."""
        return self.host == socket.gethostname() and self.boot_id == boot_id()


class Lease:
    """The right to write into a folder, held while the block runs.

    Args:
        folder: The folder, which must exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Lease(folder):
        ...     holder(folder) is not None
        True
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._descriptor = -1

    def acquire(self) -> Self:
        """Take the folder.

        Raises:
            RunError: If another process holds it, or its file system has no locks.
        """
        descriptor = durable.open_shared(self.folder / FILE)
        try:
            self._lock(descriptor)
            self._state(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)
        return self

    def release(self) -> None:
        """Give the folder back; doing so twice is harmless."""
        if self._descriptor < 0:
            return
        _held.discard(self)
        # The file itself stays: were it deleted, two processes could hold locks on two files of the same name.
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _lock(self, descriptor: int) -> None:
        for _ in range(_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            except OSError as error:
                raise _no_locks(self.folder, error) from error
            else:
                return
        raise busy(self.folder, _stated(self.folder))

    def _state(self, descriptor: int) -> None:
        who = Holder(os.getpid(), socket.gethostname(), boot_id(), datetime.now(UTC).isoformat(timespec="seconds"))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (json.dumps(asdict(who)) + "\n").encode(), 0)


def holder(folder: Path | str) -> Holder | None:
    """Return who holds `folder`, or None when nobody does."""
    try:
        descriptor = os.open(Path(folder) / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _stated(Path(folder))
    else:
        return None
    finally:
        os.close(descriptor)


def busy(folder: Path | str, who: Holder) -> RunError:
    """Return the error for a folder that `who` holds."""
    if not who.pid:
        what = say("Another process is writing to this run.")
    else:
        what = say(
            "Process {pid} on {host} has been writing to this run since {started}.",
            pid=who.pid,
            host=who.host,
            started=who.started,
        )
    return RunError(
        "E-LEASE-001",
        what,
        where=str(folder),
        mend=say("Wait until it ends, or stop it: afina stop {run}", run=folder),
    )


def boot_id() -> str:
    """Return what identifies this host's present start; where the system does not say, what identifies the host."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{uuid.getnode():012x}"


def _stated(folder: Path) -> Holder:
    try:
        return Holder(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Holder(pid=0, host="", boot_id="", started="")


def _no_locks(folder: Path, error: OSError) -> RunError:
    return RunError(
        "E-LEASE-002",
        say("The file system of this folder has no locks: {reason}.", reason=error.strerror),
        where=str(folder),
        mend=say("Choose an output folder on a local disk, for example output=runs/other."),
    )


_held: weakref.WeakSet[Lease] = weakref.WeakSet()


def _forget_in_child() -> None:
    # A forked worker shares the lock and would keep it alive after its parent was killed.
    for lease in list(_held):
        os.close(lease._descriptor)
        lease._descriptor = -1
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
