"""What a container or a batch system allows this process, as Linux control groups state it: processor time, memory.

A machine with 64 cores may grant a job two of them, and `os.cpu_count` would still say 64. Both generations of control
groups are read; a limit set on any folder from the process's own up to the root counts, and the smallest wins. On other
systems, or without limits, everything is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force.

    Attributes:
        cores: Processor cores' worth of time, > 0, may be a fraction; None when unlimited.
        memory_bytes: Memory that may be used in all; None when unlimited.
        memory_free_bytes: What is left of it, caches that can be dropped counted as free; None when unlimited.
    """

    cores: float | None = None
    memory_bytes: int | None = None
    memory_free_bytes: int | None = None


def limits(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Limits:
    """Read the limits of this process.

    Args:
        proc: Where the kernel shows processes.
        groups: Where control groups are mounted.
    """
    membership = _membership(proc / "self" / "cgroup")
    cores = [
        *(_cores_v2(folder) for folder in _climb(groups, membership.get(""))),
        *(_cores_v1(folder) for folder in _climb(groups / "cpu", membership.get("cpu"))),
    ]
    memory = [
        *(_memory(folder, "memory.max", "memory.current") for folder in _climb(groups, membership.get(""))),
        *(
            _memory(folder, "memory.limit_in_bytes", "memory.usage_in_bytes")
            for folder in _climb(groups / "memory", membership.get("memory"))
        ),
    ]
    stated_memory = [pair for pair in memory if pair is not None]
    return Limits(
        cores=min((value for value in cores if value is not None), default=None),
        memory_bytes=min((limit for limit, _ in stated_memory), default=None),
        memory_free_bytes=min((free for _, free in stated_memory), default=None),
    )


def _membership(file: Path) -> dict[str, str]:
    """Map each controller to this process's group; the empty name stands for the unified hierarchy."""
    groups = {}
    for line in (_text(file) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update({name.removeprefix("name="): path for name in controllers.split(",")})
    return groups


def _climb(root: Path, group: str | None) -> Iterator[Path]:
    """Yield the group's folder and those above it; inside a container only the root may be visible."""
    if group is None:
        return
    folder = root / group.lstrip("/")
    while folder != root:
        yield folder
        folder = folder.parent
    yield root


def _cores_v2(folder: Path) -> float | None:
    quota, _, period = (_text(folder / "cpu.max") or "max").partition(" ")
    return None if quota == "max" else int(quota) / int(period)


def _cores_v1(folder: Path) -> float | None:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return None if quota is None or period is None or quota <= 0 else quota / period


def _memory(folder: Path, limit_name: str, used_name: str) -> tuple[int, int] | None:
    limit = _number(folder / limit_name)
    if limit is None or limit >= 1 << 60:  # the first generation writes "unlimited" as a number near 2**63
        return None
    stated = (line.split() for line in (_text(folder / "memory.stat") or "").splitlines())
    droppable = {name: int(value) for name, value in stated}.get("inactive_file", 0)
    used = max(0, (_number(folder / used_name) or 0) - droppable)
    return limit, max(0, limit - used)


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None  # the kernel offers no such file here: there is no such limit
