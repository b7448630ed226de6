"""Where the prefix cache lies, what it holds, and what gives way when it grows too large. Loads no torch.

<user's cache folder>/afina/prefix/
  <key>/                 one per base, frozen depth and precision
    about.json           what it is, for people
    used.json            when it was last used
    *.safetensors        pieces, each whole or absent
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from afina.base import durable, environment, lease

PIECE = ".safetensors"
"""Ending of the files that hold numbers."""

FREE_SHARE = 0.5
"""Share of the free disk that new entries may take."""

_ABOUT, _USED = "about.json", "used.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cache holds under one key.

    Attributes:
        key: Its name.
        about: What it is: `base`, `part`, `precision`.
        size_bytes: Disk it takes.
        used: When it was last used, in seconds since 1970; 0 when nobody knows.
        is_held: Whether a process is writing to it.
    """

    key: str
    about: dict[str, str]
    size_bytes: int
    used: float
    is_held: bool

    @property
    def unused_days(self) -> float:
        """Days since it was last used."""
        return (time.time() - self.used) / 86_400

    def to_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {**asdict(self), "unused_days": self.unused_days}


def root() -> Path:
    """Return the folder of the prefix cache, which need not exist."""
    return environment.cache_home() / "prefix"


def kept(folder: Path | None = None) -> list[Kept]:
    """Return what the cache holds, what was used longest ago first.

    Args:
        folder: The folder of the cache; None takes the user's.
    """
    place = folder or root()
    if not place.is_dir():
        return []
    found = [_look(path) for path in place.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda one: (one.used, one.key))


def begin(folder: Path, about: dict[str, str]) -> None:
    """Make the folder of a key if it is missing, and note that it is used."""
    durable.make_folder(folder)
    if not (folder / _ABOUT).is_file():
        durable.write_json(folder / _ABOUT, about)
    durable.write_json(folder / _USED, {"used": time.time()})


def remove(keys: Sequence[str], folder: Path | None = None) -> None:
    """Remove what lies under these keys; a run that is reading it goes on with what it has open."""
    for key in keys:
        durable.remove_folder((folder or root()) / key)


def available_bytes(folder: Path, limit_bytes: int) -> int:
    """Return the bytes that new entries of one key may take, once everything else has given way.

    Args:
        folder: The folder of the key, which need not exist.
        limit_bytes: What the whole cache may take.
    """
    own, removable, held = _shares(folder)
    free = int(FREE_SHARE * (durable.free_bytes(folder) + sum(one.size_bytes for one in removable)))
    return max(0, min(limit_bytes - own - held, free))


def make_room(folder: Path, needed_bytes: int, limit_bytes: int) -> list[Kept]:
    """Remove what was used longest ago until new entries of one key fit, and return what was removed.

    Args:
        folder: The folder of the key, which stays.
        needed_bytes: What the new entries take, at most `available_bytes`.
        limit_bytes: What the whole cache may take.
    """
    own, removable, held = _shares(folder)
    removed: list[Kept] = []
    for one in removable:
        taken = own + held + sum(other.size_bytes for other in removable if other not in removed)
        if taken + needed_bytes <= limit_bytes and needed_bytes <= FREE_SHARE * durable.free_bytes(folder):
            break
        remove([one.key], folder.parent)
        removed.append(one)
    return removed


def _shares(folder: Path) -> tuple[int, list[Kept], int]:
    """Return the bytes of a key, what else may be removed, and the bytes of what may not."""
    everything = kept(folder.parent)
    own = sum(one.size_bytes for one in everything if one.key == folder.name)
    others = [one for one in everything if one.key != folder.name]
    return own, [one for one in others if not one.is_held], sum(one.size_bytes for one in others if one.is_held)


def _look(path: Path) -> Kept:
    size = 0
    with contextlib.suppress(FileNotFoundError):  # another process removes it meanwhile
        for file in path.iterdir():
            with contextlib.suppress(FileNotFoundError):  # or gives what is half written its name
                size += file.stat().st_size if file.is_file() else 0
    about = {str(name): str(value) for name, value in _read(path / _ABOUT).items()}
    used = _read(path / _USED).get("used", 0.0)
    return Kept(path.name, about, size, float(used), lease.holder(path) is not None)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
