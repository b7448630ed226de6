"""What a disk says: how much it holds, that it refuses, that bytes have reached it.

The writing itself is in `durable`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from afina.base.errors import ResourceError
from afina.base.messages import say

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk, a quota or a file that takes no more."""

FAILING = FULL | {errno.EROFS, errno.EIO}
"""Error numbers that can only come from a disk that refuses, whatever was being done."""


def free_bytes(path: Path | str) -> int:
    """Return the bytes that this user may still write on the disk of `path`, which need not exist yet."""
    place = Path(path).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def sync(descriptor: int) -> None:
    """Flush an open file to the disk."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(descriptor)
    else:  # macOS: fsync alone leaves the data in the drive's cache.
        fcntl.fcntl(descriptor, full)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk: without this a rename may not survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def refusals(path: Path, num_bytes: int | None = None, only: frozenset[int] | None = None) -> Iterator[None]:
    """Turn what the disk refuses inside the block into a `ResourceError`.

    Args:
        path: What is being written.
        num_bytes: Bytes that are being written, when known.
        only: The error numbers to turn; None means all. Needed where foreign code runs inside the block.
    """
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise _refusal(error, path, num_bytes) from error


def full(path: Path | str, num_bytes: int | None) -> ResourceError:
    """Return the error for a disk that does not hold `num_bytes` more (None: not known how many)."""
    needed = "?" if num_bytes is None else f"{num_bytes / 1e6:.1f}"
    free = f"{free_bytes(path) / 1e6:.1f}"
    return ResourceError(
        "E-DISK-001",
        say("The disk is full: {needed} MB are needed, {free} MB are free.", needed=needed, free=free),
        where=str(path),
        mend=say("Free some space (afina runs ls shows what each run takes), or choose another output folder."),
    )


def _refusal(error: OSError, path: Path, num_bytes: int | None) -> ResourceError:
    if error.errno in FULL:
        return full(path, num_bytes)
    return ResourceError(
        "E-DISK-002",
        say("{path} cannot be written: {reason}.", path=path, reason=error.strerror),
        where=str(path),
        mend=say("Choose an output folder that you may write to, for example output=runs/other."),
    )
