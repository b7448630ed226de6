"""Weights held in four bits, unpacked into the precision of a product (NF4, Dettmers et al. 2023, arXiv:2305.14314).

bitsandbytes made them; nothing here imports it unless it already did. What it keeps of a weight are 4-bit codes, two to
a byte, and one scale per 64 of them, itself held in eight bits (double quantisation, sec. 3 there).
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn


def is_quantised(layer: nn.Module) -> bool:
    """Return whether a layer's weight is held in four bits by bitsandbytes."""
    weight = getattr(layer, "weight", None)
    return type(weight).__name__ == "Params4bit" and getattr(weight, "quant_state", None) is not None


def unpacked(layer: nn.Module, dtype: torch.dtype) -> Tensor:
    """Return a layer's 4-bit weight in `dtype`, shape (O, I): what bitsandbytes unpacks, rounded once."""
    weight: Any = layer.weight
    state = weight.quant_state
    scales = state.absmax
    if state.nested:
        functional = sys.modules["bitsandbytes.functional"]
        scales = functional.dequantize_blockwise(scales, state.state2) + state.offset
    # Its kernel knows three precisions; in any other the float32 result is converted.
    known = dtype if dtype in {torch.float32, torch.bfloat16, torch.float16} else torch.float32
    result: Tensor = torch.ops.bitsandbytes.dequantize_4bit(
        weight.data, scales, state.blocksize, state.quant_type, state.shape, known
    )
    return result.to(dtype)
