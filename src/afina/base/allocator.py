"""Memory that a CPU run keeps instead of giving it back and asking for it again.

glibc returns large freed blocks to the kernel at once, and every step of training pays for fresh pages: up to 8 % of
a step was seen, and nothing on other shapes. Raising its two thresholds keeps them; nothing that is computed changes.
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_NEVER = (1 << 31) - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, and return whether the system's allocator understood."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(_TRIM_THRESHOLD, _NEVER))


def give_back_freed_memory() -> bool:
    """Return to the system what this process holds and does not use; tell whether there was an allocator to ask."""
    if platform.libc_ver()[0] != "glibc":
        return False
    ctypes.CDLL(None).malloc_trim(0)
    return True
