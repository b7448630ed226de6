import platform
import subprocess
import sys

import pytest

from afina.base import allocator

# A block of 64 MiB is far above the size that glibc maps and unmaps each time, so every new one costs fresh pages.
_FAULTS = """
import resource, sys
from afina.base import allocator
if sys.argv[1] == "kept":
    assert allocator.keep_freed_memory()
for _ in range(2):
    bytearray(1 << 26)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    bytearray(b"x") * (1 << 26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the thresholds are glibc's own")
def test_keep_freed_memory_spares_fresh_pages():
    assert _faults("kept") < _faults("given back") / 2


def test_keep_freed_memory_leaves_other_allocators_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert not allocator.keep_freed_memory()
