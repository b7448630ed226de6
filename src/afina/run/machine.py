"""The machine a run computes on: device, processes, threads; and what is written down about it."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from afina.base import about, allocator, device, environment
from afina.base.errors import UsageError
from afina.base.messages import language, say
from afina.base.optional import need

_PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "scikit-learn", "pydantic")


def processes(num_processes: int | None = None) -> Any:
    """Return this process among those that train together (accelerate's `Accelerator`).

    Args:
        num_processes: How many were asked for; None takes what the launcher started.

    Raises:
        UsageError: If the launcher started fewer than asked, which would train on a part of the machine in silence.
    """
    accelerate = need("accelerate", extra="train")
    started = environment.world_size()
    if num_processes is not None and started != num_processes:
        raise UsageError(
            "E-USAGE-010",
            say(
                "{asked} processes were asked for, but the launcher started {started}.",
                asked=num_processes,
                started=started,
            ),
            where="--processes",
            mend="torchrun --nproc-per-node N -m afina train recipe.yaml",
        )
    return accelerate.Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")


def set_threads(wanted: int | None = None) -> int:
    """Give torch its share of the machine's threads, and return how many.

    Sums over several threads are taken in an order that depends on their number, so a run goes on with the number it
    began with.

    Args:
        wanted: Number a resumed run began with, or None.
    """
    share = max(1, device.num_free_cores() // environment.local_world_size())
    threads = wanted or environment.thread_request() or share
    torch.set_num_threads(threads)
    allocator.keep_freed_memory()
    environment.remember_kernels()
    return threads


def describe(world_size: int) -> dict[str, Any]:
    """Return what `environment.json` says of the machine and the versions."""
    facts = device.facts()
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "afina": about.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": versions,
        "device": asdict(facts),
        "threads": torch.get_num_threads(),
        "world_size": world_size,
        "language": language(),
        "command": " ".join(["afina", *sys.argv[1:]]),
    }


def gathered(value: str) -> list[str]:
    """Return every process's `value`, in each of them."""
    values = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def share(values: list[str]) -> None:
    """Give every process the main one's `values`, in place."""
    torch.distributed.broadcast_object_list(values, src=0)
