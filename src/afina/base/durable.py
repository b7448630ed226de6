"""Every write that must survive: whole or absent, never half.

A file is written aside (a hidden sibling whose name carries the process), flushed to the disk, renamed into place, and
its folder flushed too. A folder is filled aside, gets a manifest with the size and SHA-256 of each file, and appears by
one rename. No other module opens for writing, renames or saves; nothing here pickles.

A full or read-only disk is a `ResourceError` that names the bytes needed and free.
"""

from __future__ import annotations

import contextlib
import errno
import io
import itertools
import json
import math
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from afina.base import tensors as layout
from afina.base.disk import FAILING, free_bytes, refusals, sync, sync_folder
from afina.base.manifest import MANIFEST, manifest, verify
from afina.base.optional import need

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MANIFEST",
    "Appender",
    "atomic_folder",
    "finite",
    "free_bytes",
    "json_line",
    "make_folder",
    "open_atomic",
    "open_shared",
    "read_tensors",
    "remove_folder",
    "remove_leftovers",
    "verify",
    "write_bytes",
    "write_json",
    "write_tensors",
    "write_text",
]

# The nonce tells our own files from those of a dead process whose number we were given, as happens in containers.
_PROCESS = uuid.uuid4().hex[:8]
_COUNTER = itertools.count()
_ASIDE = re.compile(r"\..*\.(\d+)-([0-9a-f]{8})-\d+\.tmp")


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`, replacing what is there in one step; missing parent folders are made.

    Raises:
        ResourceError: If the disk is full, read-only or failing; what was there before is intact.
    """
    with open_atomic(path, num_bytes=len(data)) as file:
        file.write(data)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8, like `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, document: Any) -> None:
    """Write `document` as indented JSON, like `write_bytes`; see `json_line` for numbers that are not finite."""
    write_text(path, json.dumps(finite(document), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def json_line(document: Any) -> str:
    """Return `document` as JSON on one line; NaN and the infinities, which JSON lacks, become "nan", "inf", "-inf"."""
    return json.dumps(finite(document), ensure_ascii=False, allow_nan=False)


def finite(document: Any) -> Any:
    """Return `document` with every float that is not finite replaced by its name, mappings and sequences as JSON's."""
    if isinstance(document, float) and not math.isfinite(document):
        return str(document)
    if isinstance(document, Mapping):
        return {str(key): finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [finite(value) for value in document]
    return document


@contextlib.contextmanager
def open_atomic(path: Path | str, *, num_bytes: int | None = None) -> Iterator[BinaryIO]:
    """Yield a binary file that becomes `path` when the block ends well, and vanishes when it does not.

    Args:
        path: Where the file will be; missing parent folders are made.
        num_bytes: Bytes that will be written, when known: a full disk is then described with them.

    Raises:
        ResourceError: If the disk is full, read-only or failing; what was there before is intact.
    """
    target = Path(path)
    aside = _aside(target)
    with refusals(target, num_bytes):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    file = _Descriptor(descriptor)
    try:
        with refusals(target, num_bytes, only=FAILING):
            yield cast("BinaryIO", file)
        with refusals(target, num_bytes):
            sync(descriptor)
            os.rename(aside, target)
            aside = target
            sync_folder(target.parent)
    finally:
        file.release()
        if aside != target:
            with contextlib.suppress(OSError):
                os.unlink(aside)


@contextlib.contextmanager
def atomic_folder(path: Path | str, *, replace: bool = False, num_bytes: int | None = None) -> Iterator[Path]:
    """Yield a hidden folder that becomes `path`, with a manifest, when the block ends well, and vanishes when not.

    Args:
        path: Where the folder will be.
        replace: Whether a folder that is already there gives way; it is moved aside, then deleted.
        num_bytes: Bytes that will be written, when known.

    Raises:
        FileExistsError: If `path` exists and must not be replaced.
        ResourceError: If the disk is full, read-only or failing; nothing is left.
    """
    target = Path(path)
    if target.exists() and not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    aside = _aside(target)
    with refusals(target, num_bytes):
        aside.mkdir(parents=True)
    try:
        with refusals(target, num_bytes, only=FAILING):
            yield aside
        with refusals(target, num_bytes):
            write_bytes(aside / MANIFEST, manifest(aside))
            for inner in [*(entry for entry in aside.rglob("*") if entry.is_dir()), aside]:
                sync_folder(inner)
            if replace:
                aside = _exchange(aside, target)
            else:
                os.rename(aside, target)
            sync_folder(target.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_folder(path: Path | str) -> None:
    """Delete a folder; it is renamed aside first, so that a half-deleted one is never taken for whole.

    Raises:
        ResourceError: If it cannot be moved aside; then it is untouched.
    """
    target = Path(path)
    aside = _aside(target)
    with refusals(target):
        os.rename(target, aside)
        sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def remove_leftovers(folder: Path | str) -> list[Path]:
    """Delete what writes of dead processes left aside in `folder`, and return the paths of it."""
    found = [path for path in sorted(Path(folder).glob(".*.tmp")) if _is_abandoned(path.name)]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return found


def make_folder(path: Path | str, *, exist_ok: bool = True) -> Path:
    """Make a folder and its parents.

    Raises:
        FileExistsError: If it is there and `exist_ok` is false: exactly one of several processes makes it.
        ResourceError: If the disk is full, read-only or failing.
    """
    folder = Path(path)
    with refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            sync_folder(folder.parent)
            return folder
    if not exist_ok or not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    return folder


def open_shared(path: Path | str) -> int:
    """Return a descriptor of `path`, made if missing and never emptied, for a file that several processes look at."""
    with refusals(Path(path)):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


class Appender:
    """A file that grows by whole pieces: a piece that does not fit on the disk leaves no trace.

    Args:
        path: The file, made if missing.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with refusals(self.path):
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._num_bytes = os.fstat(self._descriptor).st_size

    def append(self, data: bytes) -> None:
        """Add `data`, handed to the kernel before this returns: a killed process loses none of it."""
        with refusals(self.path, len(data)):
            try:
                _write_all(self._descriptor, data)
            except OSError:
                os.ftruncate(self._descriptor, self._num_bytes)
                raise
        self._num_bytes += len(data)

    def cut(self, num_bytes: int) -> None:
        """Keep the first `num_bytes` only."""
        with refusals(self.path):
            os.ftruncate(self._descriptor, num_bytes)
        self._num_bytes = num_bytes

    def sync(self) -> None:
        """Flush to the disk, so that a power cut loses nothing either."""
        with refusals(self.path):
            sync(self._descriptor)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def write_tensors(path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as one safetensors file, like `write_bytes`, one at a time: no second copy of all of them is made.

    Args:
        path: The file.
        tensors: Tensors by name, of any device and stride; those that share memory are each written whole.
        metadata: Free text kept in the header, by name.

    Raises:
        TypeError: If a tensor's number type has no name in safetensors.
        ResourceError: If the disk is full, read-only or failing; what was there before is intact.
    """
    with open_atomic(path, num_bytes=layout.num_bytes(tensors)) as file:
        for piece in layout.pieces(tensors, metadata):
            file.write(piece)


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, on the CPU, by name. Verify its folder before."""
    loaded: dict[str, Tensor] = need("safetensors.torch", extra="train").load_file(str(path))
    return loaded


class _Descriptor(io.RawIOBase):
    """A descriptor as a file without a buffer: nothing is left to be written once it was released."""

    def __init__(self, descriptor: int) -> None:
        self._number = descriptor

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._number, offset, whence)

    def write(self, data: Any) -> int:
        with memoryview(data).cast("B") as view:
            _write_all(self._number, view)
            return len(view)

    def release(self) -> None:
        # A late write of a wrapper that outlived its block must not reach a file that got the same number.
        os.close(self._number)
        self._number = -1


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _aside(path: Path) -> Path:
    # The name is cut, since a file system refuses one that grows beyond 255 bytes.
    return path.with_name(f".{path.name[:48]}.{os.getpid()}-{_PROCESS}-{next(_COUNTER)}.tmp")


def _exchange(new: Path, target: Path) -> Path:
    """Rename the folder `new` to `target`, and return where what was there went; that need not exist."""
    old = _aside(target)
    with contextlib.suppress(FileNotFoundError):
        os.rename(target, old)
    try:
        os.rename(new, target)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            os.rename(old, target)
        raise
    return old


def _is_abandoned(name: str) -> bool:
    match = _ASIDE.fullmatch(name)
    if match is None:
        return False
    owner = int(match[1])
    if owner == os.getpid():
        return match[2] != _PROCESS
    return _is_dead(owner)


def _is_dead(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
