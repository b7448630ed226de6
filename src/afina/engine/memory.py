"""Running out of memory, recognised; and memory given back."""

from __future__ import annotations

import gc
import platform
import resource

import torch

from afina.base import allocator


def is_exhausted(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on the CPU or on an accelerator."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def release() -> None:
    """Give back what is no longer referred to."""
    gc.collect()
    allocator.give_back_freed_memory()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def peak_bytes(device: torch.device) -> int:
    """Return the most memory that was in use: allocated on the accelerator, or resident in this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if platform.system() == "Darwin" else 1024)
