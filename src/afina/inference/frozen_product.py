"""The product with a weight that never moves, and a low-rank product beside it, as one node of the graph.

y = x W' + b + s ((x * m) A') B', where only A, B and perhaps b learn (LoRA, Hu et al. 2021, arXiv:2106.09685, eq. 3).
What autograd would keep for each of its seven operations is not kept: x once, in the precision it is computed in, the
mask m where there is dropout, and the few numbers x A'. W is asked for again in the backward pass, so a weight held in
four bits is never there twice.

On a CPU (two cores with AMX, 1500 tokens, 4-bit weights of 1536 x 384, milliseconds): unpacking to bfloat16 0.08 and
oneDNN's product 0.49, forward; 0.73, backward. bitsandbytes' own product does the same in 0.67; its fused kernel takes
10.5, torch's packed int4 kernel 9.4 and int8 product 0.95: they win for a single token alone. So weights are unpacked
for each product, and are not kept.

Shapes: N positions, I inputs, O outputs, R rank.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from afina.inference.dropout import keep_mask, keep_scale

Weight = Callable[[torch.dtype], Tensor]
"""Returns a weight, shape (O, I), in the precision asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class LowRank:
    """The product beside the frozen one.

    Attributes:
        lower: A, shape (R, I).
        upper: B, shape (O, R).
        scale: Factor on the product.
        dropout: Probability with which one of its inputs is dropped, 0 to `dropout.HIGHEST`.
    """

    lower: Tensor
    upper: Tensor
    scale: float
    dropout: float = 0.0


def compute_dtype(values: Tensor) -> torch.dtype:
    """Return the precision in which a product with `values` runs here."""
    kind = values.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else values.dtype


def product(values: Tensor, weight: Weight, bias: Tensor | None, low_rank: LowRank | None = None) -> Tensor:
    """Return `values` times a frozen weight, plus the low-rank product, shape (..., O).

    Args:
        values: Shape (..., I), in the precision to compute in.
        weight: The frozen weight; asked for once more in the backward pass.
        bias: Shape (O,), or None.
        low_rank: The product beside it, or None.
    """
    beside: tuple[Any, ...] = (None, None, 1.0, 0.0)
    if low_rank is not None:
        beside = (low_rank.lower, low_rank.upper, low_rank.scale, low_rank.dropout)
    result: Tensor = _Product.apply(values, weight, bias, *beside)  # type: ignore[no-untyped-call]
    return result


class _Product(torch.autograd.Function):
    """The node."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Weight,
        bias: Tensor | None,
        lower: Tensor | None,
        upper: Tensor | None,
        scale: float,
        dropout: float,
    ) -> Tensor:
        dtype = values.dtype
        values_NI = values.reshape(-1, values.shape[-1])
        output_NO = functional.linear(values_NI, weight(dtype), None if bias is None else bias.to(dtype))
        inner_NR = mask_NI = None
        if lower is not None and upper is not None:
            if dropout:
                mask_NI = keep_mask(values_NI.shape, dtype, dropout)
                scale *= keep_scale(dropout)
            inner_NR = _masked(values_NI, mask_NI) @ lower.to(dtype).t()
            output_NO.addmm_(inner_NR, upper.to(dtype).t(), alpha=scale)
        ctx.save_for_backward(values_NI if inner_NR is not None else None, mask_NI, inner_NR, lower, upper)
        ctx.weight, ctx.scale, ctx.shape, ctx.dtype = weight, scale, values.shape, dtype
        ctx.bias_dtype = None if bias is None else bias.dtype
        return output_NO.view(*values.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        values_NI, mask_NI, inner_NR, lower, upper = ctx.saved_tensors
        gradient_NO = gradients[0].reshape(-1, gradients[0].shape[-1])
        to_values = to_bias = to_lower = to_upper = None
        if ctx.needs_input_grad[2]:
            to_bias = gradient_NO.sum(0, dtype=ctx.bias_dtype)
        if ctx.needs_input_grad[0]:
            to_values = gradient_NO @ ctx.weight(ctx.dtype)
        if inner_NR is not None:
            to_inner_NR = (gradient_NO @ upper.to(ctx.dtype)).mul_(ctx.scale)
            if ctx.needs_input_grad[3]:
                to_lower = (to_inner_NR.t() @ _masked(values_NI, mask_NI)).to(lower.dtype)
            if ctx.needs_input_grad[4]:
                to_upper = (gradient_NO.t() @ inner_NR).to(upper.dtype).mul_(ctx.scale)
            if to_values is not None and mask_NI is None:
                to_values.addmm_(to_inner_NR, lower.to(ctx.dtype))
            elif to_values is not None:
                to_values.addcmul_(to_inner_NR @ lower.to(ctx.dtype), mask_NI)
        if to_values is not None:
            to_values = to_values.view(ctx.shape)
        return to_values, None, to_bias, to_lower, to_upper, None, None


def _masked(values_NI: Tensor, mask_NI: Tensor | None) -> Tensor:
    return values_NI if mask_NI is None else values_NI * mask_NI
