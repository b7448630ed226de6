"""Running out of memory is recognised, and nothing else is taken for it."""

import pytest
import torch

from afina.engine import memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("shape '[4, 2]' is invalid for input of size 6"), False),
        (ValueError("can't allocate memory"), False),
        (KeyboardInterrupt(), False),
    ],
    ids=str,
)
def test_exhaustion_is_told_from_other_errors(error, expected):
    assert memory.is_exhausted(error) is expected


def test_torchs_own_refusal_is_recognised():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.is_exhausted(error.value)


def test_the_peak_is_that_of_this_process_and_never_falls():
    before = memory.peak_bytes(torch.device("cpu"))
    filled = torch.ones(4_000_000, dtype=torch.float64)
    after = memory.peak_bytes(torch.device("cpu"))
    assert 10_000_000 < before <= after < 1 << 40
    del filled
    memory.release()
    assert memory.peak_bytes(torch.device("cpu")) >= after
