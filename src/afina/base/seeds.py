"""Random state: seeded once, saved and restored whole."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch (every device)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator(*parts: int) -> np.random.Generator:
    """Return a random generator that depends on `parts` alone, for example on a seed and an epoch."""
    return np.random.default_rng(parts)


def state() -> dict[str, Tensor]:
    """Return the state of torch's generators as uint8 tensors: `cpu`, and `cuda` where there is one.

    What Afina draws itself comes from `generator`, which has no state to keep.
    """
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    return tensors


def restore(tensors: dict[str, Tensor]) -> None:
    """Put back what `state` returned."""
    torch.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
