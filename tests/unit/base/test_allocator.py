"""Freed memory is kept when asked, seen in the page faults of a fresh process."""

import platform
import subprocess
import sys

import pytest

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")

_FAULTS = """
import resource
from afina.base import allocator
{first}
def touch():
    bytearray(b"x") * (64 << 20)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    touch()
    {then}
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(first: str, then: str = "pass") -> int:
    code = _FAULTS.format(first=first, then=then)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@needs_glibc
def test_kept_memory_is_not_asked_for_again():
    assert _faults("assert allocator.keep_freed_memory()") < _faults("pass") / 10


@needs_glibc
def test_memory_given_back_is_asked_for_again():
    keep = "allocator.keep_freed_memory()"
    assert _faults(keep, "assert allocator.give_back_freed_memory()") > 10 * _faults(keep)
