"""Dropout on a CPU, with the mask cut from raw random bits.

torch draws one floating-point number per activation, which takes longer than the layers around it; here 64 random bits
decide four activations. The probability is rounded to a multiple of 1/65536 and the kept activations are scaled for
that rounded one, so the expectation is exact. Draws come from torch's own generator: seeding, saving and restoring
its state hold as ever.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16

HIGHEST = 0.9
"""Probability above which torch's own dropout stays, since the rounding would be felt."""


def keep_mask(
    shape: torch.Size,
    dtype: torch.dtype,
    probability: float,
    kept: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a tensor of `kept` (rounded to `dtype`), and zeros with (rounded) `probability`."""
    count = math.prod(shape)
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    ones = bits.view(torch.int16)[:count].view(shape).ge_(round(probability * _LEVELS) - _LEVELS // 2)
    if dtype.itemsize == ones.itemsize:
        # Whole numbers times the bits of `kept`, read as floating point: no pass over memory for the conversion.
        return ones.mul_(int(torch.tensor(kept, dtype=dtype).view(torch.int16))).view(dtype)
    mask = ones.to(dtype)
    return mask if kept == 1.0 else mask.mul_(kept)


def keep_scale(probability: float) -> float:
    """Return the factor that keeps the expectation under `keep_mask`."""
    return 1.0 / (1.0 - round(probability * _LEVELS) / _LEVELS)


class RawDropout(nn.Module):
    """Stands in for `nn.Dropout`.

    Args:
        p: Probability of dropping an activation, 0 to `HIGHEST`.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Return `values` with some set to zero while training, and unchanged otherwise."""
        if not self.training or self.p == 0.0:
            return values
        return values * keep_mask(values.shape, values.dtype, self.p, keep_scale(self.p))

    def extra_repr(self) -> str:
        """Return the probability, as `nn.Dropout` shows it."""
        return f"p={self.p}"


def put_in(module: nn.Module) -> None:
    """Replace every `nn.Dropout` inside `module`; it has no parameters, so nothing that is saved changes."""
    for name, child in module.named_children():
        if type(child) is nn.Dropout and child.p <= HIGHEST:
            stand_in = RawDropout(child.p)
            stand_in.train(child.training)
            setattr(module, name, stand_in)
        else:
            put_in(child)
