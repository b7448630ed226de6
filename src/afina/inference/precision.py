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


@contextmanager
def inputs_cast_once(precision: Precision, module: nn.Module) -> Iterator[None]:
    """Cast what several linear layers read, such as queries, keys and values, once; for passes without a gradient.

    The numbers are those that autocast makes, which casts the same input anew for each.
    """
    if precision != "bfloat16":
        yield
        return
    last = _LastCast()
    handles = [
        layer.register_forward_pre_hook(last.give) for layer in module.modules() if isinstance(layer, nn.Linear)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _LastCast:
    """Remembers the last input that was cast, as it was then."""

    def __init__(self) -> None:
        self._input: torch.Tensor | None = None
        self._version = -1
        self._cast: torch.Tensor | None = None

    def give(self, layer: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor | None, ...] | None:
        if not args or args[0].dtype != torch.float32:
            return None
        if args[0] is not self._input or args[0]._version != self._version:
            self._input, self._version = args[0], args[0]._version
            self._cast = args[0].to(torch.bfloat16)
        return (self._cast, *args[1:])
