"""What this machine offers: cores, memory, disk, number formats, accelerator.

Everything but the accelerator's particulars is read without torch, so that `afina doctor` answers at once; torch is
asked only on a machine that shows signs of an accelerator.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from afina.base import container
from afina.base.errors import MissingExtraError
from afina.base.optional import need

BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Processor flags (x86 and ARM) that mean bfloat16 products in hardware; without one they are slower than float32."""

ACCELERATOR_SIGNS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Device files of NVIDIA and AMD drivers, the last under the Windows Subsystem for Linux."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A graphics card, or another device, that torch can compute on.

    Attributes:
        kind: Name of torch's device type: `cuda` (NVIDIA and AMD) or `mps` (Apple).
        name: What the maker calls it.
        memory_bytes: Its memory; on a machine that shares it with the processor, all of it.
        has_native_bfloat16: Whether it computes in bfloat16 in hardware.
    """

    kind: str
    name: str
    memory_bytes: int
    has_native_bfloat16: bool


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """The machine as this process may use it.

    Attributes:
        python: Version of the interpreter.
        platform: Operating system and processor family.
        processor: The processor's name, as far as the system tells.
        num_cores: Cores that this process may use, after affinity and a container's limits, at least 1.
        num_machine_cores: Cores of the machine.
        num_physical_cores: Cores of the machine without hyper-threads; equal to `num_machine_cores` where unknown.
        memory_total_bytes: Memory of the machine, or the container's limit when smaller.
        memory_available_bytes: What of it can be had now without swapping.
        disk_free_bytes: Free space where runs are written.
        load_average: Busy processes over the last minute, all programs together; None where the system does not count.
        has_native_bfloat16: Whether the processor computes in bfloat16 in hardware (AVX512_BF16, AMX, ARM's BF16).
        shows_accelerator: Whether the machine has an accelerator's driver, usable by torch or not.
        accelerator: The accelerator that torch can use, or None.
    """

    python: str
    platform: str
    processor: str
    num_cores: int
    num_machine_cores: int
    num_physical_cores: int
    memory_total_bytes: int
    memory_available_bytes: int
    disk_free_bytes: int
    load_average: float | None
    has_native_bfloat16: bool
    shows_accelerator: bool
    accelerator: Accelerator | None


def facts(folder: Path = Path()) -> DeviceFacts:
    """Return what this machine offers now.

    Args:
        folder: An existing folder on the disk that runs will be written to.
    """
    limits = container.limits()
    memory = psutil.virtual_memory()
    machine_cores = os.cpu_count() or 1
    processor, flags = _processor(Path("/proc/cpuinfo"))
    shows = shows_accelerator()
    return DeviceFacts(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor,
        num_cores=num_cores(limits.cores),
        num_machine_cores=machine_cores,
        num_physical_cores=psutil.cpu_count(logical=False) or machine_cores,
        memory_total_bytes=min(memory.total, limits.memory_bytes or memory.total),
        memory_available_bytes=min(
            memory.available, memory.available if limits.memory_free_bytes is None else limits.memory_free_bytes
        ),
        disk_free_bytes=shutil.disk_usage(folder).free,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        has_native_bfloat16=not flags.isdisjoint(BFLOAT16_FLAGS),
        shows_accelerator=shows,
        accelerator=accelerator() if shows else None,
    )


def num_cores(allowed: float | None = None) -> int:
    """Return how many cores this process may use, at least 1.

    Args:
        allowed: Cores' worth of time that the container grants; None when unlimited. A fraction is rounded down.
    """
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, granted if allowed is None else min(granted, int(allowed)))


def num_free_cores() -> int:
    """Return the cores that other programs leave alone, at least half of all.

    Two threads that wait for each other on a core that somebody else uses are slower than one.
    """
    cores = num_cores()
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(-(-cores // 2), cores - round(busy))


def shows_accelerator() -> bool:
    """Return whether the machine has the driver of an accelerator, without asking torch."""
    is_apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return is_apple or any(Path(sign).exists() for sign in ACCELERATOR_SIGNS)


def accelerator() -> Accelerator | None:
    """Return the accelerator that the installed torch can use; None when there is none, or no torch to use it."""
    try:
        torch = need("torch", extra="train")
    except MissingExtraError:
        return None  # `doctor` tells a missing torch apart from a missing accelerator by `shows_accelerator`
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        return Accelerator(
            "cuda", found.name, found.total_memory, torch.cuda.is_bf16_supported(including_emulation=False)
        )
    if torch.backends.mps.is_available():
        return Accelerator("mps", platform.processor(), psutil.virtual_memory().total, has_native_bfloat16=False)
    return None


def _processor(file: Path) -> tuple[str, frozenset[str]]:
    """Return the processor's name and flags; the flags are empty where the system has no such file."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return platform.processor(), frozenset()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    flags = fields.get("flags") or fields.get("features") or ""
    return fields.get("model name") or platform.processor() or platform.machine(), frozenset(flags.split())
