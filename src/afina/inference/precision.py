"""Which numbers a model is computed in, chosen by what the hardware has natively."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

import torch
from torch import nn

from afina.base.messages import say

Precision = Literal["float32", "bfloat16", "float64"]


def choose(asked: Literal["auto"] | Precision, device: torch.device, native_bfloat16: bool) -> tuple[Precision, str]:
    """Return the precision to compute in, and why.

    float16 is never chosen: it needs loss scaling on a GPU, and is many times slower than bfloat16 on a CPU.

    Args:
        asked: What the recipe says.
        device: Where the model runs.
        native_bfloat16: Whether the CPU multiplies bfloat16 in hardware (AVX512_BF16 or AMX).
    """
    if asked != "auto":
        return asked, ""
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", say("the GPU computes bfloat16 natively")
        return "float32", say("the GPU has no native bfloat16")
    if device.type == "cpu" and native_bfloat16:
        return "bfloat16", say("the CPU computes bfloat16 natively")
    return "float32", say("this device has no native bfloat16")


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a forward pass runs: matrices in `precision`, sums in float32."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def frozen_in(precision: Precision, module: nn.Module) -> Iterator[None]:
    """Hold the matrices that do not move in `precision` inside the context, so that no step casts them again.

    The originals come back at the end, bit for bit.
    """
    if precision != "bfloat16":
        yield
        return
    originals: list[tuple[nn.Parameter, torch.Tensor]] = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            for parameter in layer.parameters(recurse=False):
                if not parameter.requires_grad and parameter.dtype == torch.float32:
                    originals.append((parameter, parameter.data))
                    parameter.data = parameter.data.to(torch.bfloat16)
    try:
        yield
    finally:
        for parameter, original in originals:
            parameter.data = original
