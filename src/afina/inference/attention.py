"""The one attention that models run with, registered with transformers under the name `afina`.

Padding is a row of the mask, shared by all heads and queries, made once per batch. Keys and values may be longer than
the queries, which is how the last block computes only the positions that are read (see `graded`).

On a CPU it is written out as batched matrix products: on short texts that is several times faster than the fused
kernel, whose bfloat16 path is slow and whose dropout falls back to many passes. On an accelerator the fused kernel is
used.

Shapes: S sequences, N heads, Q queries, T keys, D head width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from afina.inference.dropout import HIGHEST, keep_mask, keep_scale

NAME = "afina"
"""The name under which transformers knows this attention."""

LONGEST_WRITTEN_OUT = 512
"""Keys up to which scores are held in memory all at once; beyond, the fused kernel goes without them."""

FLOAT32_SOFTMAX_BELOW = 64
"""Keys below which the softmax runs in float32: in bfloat16 it is only vectorised for multiples of 32."""

_HARMLESS = frozenset(
    {"position_ids", "use_cache", "output_attentions", "output_hidden_states", "return_dict", "is_causal"}
)


def attend(
    module: nn.Module,
    query_SNQD: Tensor,
    key_SNTD: Tensor,
    value_SNTD: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Return softmax(Q K' * scaling + mask) V, shape (S, Q, N, D).

    Raises:
        NotImplementedError: If the model asks for something this attention does not know, rather than leaving it out.
    """
    asked = sorted(name for name, value in others.items() if value not in (None, False) and name not in _HARMLESS)
    if asked or getattr(module, "is_causal", False):
        raise NotImplementedError(f"attention was asked for {', '.join(asked) or 'is_causal'}")
    heads, width = query_SNQD.shape[1], query_SNQD.shape[-1]
    if key_SNTD.shape[1] != heads:
        # The projection saw more positions than the block's input has, and was folded by the wrong length.
        key_SNTD, value_SNTD = _refold(key_SNTD, heads), _refold(value_SNTD, heads)
    scale = width**-0.5 if scaling is None else scaling
    if query_SNQD.is_cpu and key_SNTD.shape[2] <= LONGEST_WRITTEN_OUT and dropout <= HIGHEST:
        output_SQND: Tensor = _WrittenOut.apply(  # type: ignore[no-untyped-call]
            query_SNQD, key_SNTD, value_SNTD, attention_mask, dropout, scale
        )
        return output_SQND, None
    output_SNQD = functional.scaled_dot_product_attention(
        query_SNQD, key_SNTD, value_SNTD, attn_mask=attention_mask, dropout_p=dropout, scale=scale
    )
    return output_SNQD.transpose(1, 2).contiguous(), None


def mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    mask_function: Callable[..., Any],
    attention_mask: Tensor | None = None,
    **others: Any,
) -> Tensor | None:
    """Return True where attention may look: shape (S, 1, 1, T) for padding alone, None where there is no padding."""
    if mask_function is not bidirectional_mask_function:
        general: Tensor | None = sdpa_mask(
            batch_size, q_length, kv_length, mask_function=mask_function, attention_mask=attention_mask, **others
        )
        return general
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask[:, None, None, :].bool()


class _WrittenOut(torch.autograd.Function):
    """Attention as batched matrix products, with its gradient; the products run in the inputs' precision."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float, scale: float
    ) -> Tensor:
        sequences, heads, queries, width = query.shape
        keys, dtype = key.shape[2], query.dtype
        fold = (sequences * heads, -1, width)
        query, key, value = _laid_out(query, scale).view(fold), key.reshape(fold), value.reshape(fold)
        scores = torch.bmm(query, key.transpose(1, 2))
        if keys < FLOAT32_SOFTMAX_BELOW:
            scores = scores.to(torch.promote_types(dtype, torch.float32))
        if visible is not None:
            scores.view(sequences, heads, queries, keys).masked_fill_(~visible, torch.finfo(dtype).min)
        weights = torch.softmax(scores, -1)
        kept = weights.to(dtype)
        drop = keep_mask(weights.shape, dtype, dropout) if dropout else None
        gain = keep_scale(dropout) if dropout else 1.0
        if drop is not None:
            kept = kept * drop if kept is weights else kept.mul_(drop)
        output = torch.bmm(kept, value).view(sequences, heads, queries, width).transpose(1, 2)
        ctx.save_for_backward(query, key, value, weights, drop, kept)
        ctx.numbers = (sequences, heads, width, scale, gain)
        return _laid_out(output, gain)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, drop, kept = ctx.saved_tensors
        sequences, heads, width, scale, gain = ctx.numbers
        gradient = _laid_out(gradients[0].transpose(1, 2), gain).view(sequences * heads, -1, width)
        to_value = torch.bmm(kept.transpose(1, 2), gradient)
        to_weights = torch.bmm(gradient, value.transpose(1, 2))
        if drop is not None:
            to_weights.mul_(drop)
        to_scores = torch._softmax_backward_data(to_weights.to(weights.dtype), weights, -1, weights.dtype).to(
            query.dtype
        )
        unfold = (sequences, heads, -1, width)
        # The layout that the projection's gradient wants, so that it is not copied once more.
        to_query = _laid_out(torch.bmm(to_scores, key).view(unfold).transpose(1, 2), scale).transpose(1, 2)
        to_key = torch.bmm(to_scores.transpose(1, 2), query)
        return to_query, to_key.view(unfold), to_value.view(unfold), None, None, None


def _laid_out(values: Tensor, factor: float) -> Tensor:
    """Return `values * factor`, contiguous, in one pass over memory."""
    return torch.mul(values, factor, out=values.new_empty(values.shape))


def _refold(folded: Tensor, heads: int) -> Tensor:
    sequences, *_, width = folded.shape
    return folded.transpose(1, 2).reshape(sequences, -1, heads, width).transpose(1, 2)


def register() -> None:
    """Make the attention known to transformers; doing so again changes nothing."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask)


def switch(network: Any, name: str) -> bool:
    """Make a transformers network use the attention `name`; return whether it can, since some know but their own."""
    register()
    if not network._can_set_attn_implementation():
        return False
    network.set_attn_implementation(name)
    return True


def is_exact(alone: Tensor, together: Tensor, tolerance: float) -> bool:
    """Return whether two results agree within `tolerance`, relative to the larger of 1 and the largest value."""
    difference, largest = (alone - together).abs().max(), alone.abs().max()
    return bool(torch.isfinite(together).all()) and bool(difference <= tolerance * max(1.0, float(largest)))
