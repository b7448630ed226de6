"""The one attention that models run with, registered with transformers under the name `afina`.

Padding is a row of the mask, shared by all heads and queries, made once per batch. Keys and values may be longer than
the queries, which is how the last block computes only the positions that are read (see `graded`). In place of a mask, a
pack of documents has a `Pattern`, and each document attends within itself alone (see `attention_packed`).

On a CPU it is written out as batched matrix products: on short texts that is several times faster than the fused
kernel, whose bfloat16 path is slow and whose dropout falls back to many passes. On an accelerator the fused kernel is
used.

Shapes: S sequences, N heads, V key heads, Q queries, T keys, D head width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import bidirectional_mask_function, sdpa_mask

from afina.base.types import Batch, Packing
from afina.inference.attention_packed import attend_packed
from afina.inference.attention_runs import Pattern
from afina.inference.dropout import HIGHEST, keep_mask, keep_scale

NAME = "afina"
"""The name under which transformers knows this attention."""

LONGEST_WRITTEN_OUT = 512
"""Keys up to which scores are held in memory all at once; beyond, the fused kernel goes without them."""

FUSED_FORWARD_FROM = 32
"""Keys from which the fused kernel is faster where no gradient is wanted: 1.4 to 2.5 times, in either precision."""

FLOAT32_SOFTMAX_BELOW = 64
"""Keys below which the softmax runs in float32: in bfloat16 it is only vectorised for multiples of 32."""

_HARMLESS = frozenset(
    {"position_ids", "use_cache", "output_attentions", "output_hidden_states", "return_dict", "is_causal"}
)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """The pack being read, and its graded positions."""

    packing: Packing
    graded: Any


_reading: ContextVar[_Read | None] = ContextVar("reading", default=None)


@contextmanager
def reading(batch: Batch) -> Iterator[None]:
    """Let each document of a packed batch attend within itself alone inside the context; a padded one changes nothing.

    What the model is handed then goes through it as an argument, so that a block may be computed again outside.
    """
    graded = None if batch.graded is None else batch.graded[0].cpu().numpy()
    token = _reading.set(None if batch.packing is None else _Read(batch.packing, graded))
    try:
        yield
    finally:
        _reading.reset(token)


def attend(
    module: nn.Module,
    query_SNQD: Tensor,
    key_SVTD: Tensor,
    value_SVTD: Tensor,
    attention_mask: Tensor | Pattern | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Return softmax(Q K' * scaling + mask) V, shape (S, Q, N, D).

    Raises:
        NotImplementedError: If the model asks for something this attention does not know, rather than leaving it out.
    """
    _refuse_unknown(module, (query_SNQD.shape[2], key_SVTD.shape[2]), attention_mask, others)
    if torch.is_autocast_enabled(query_SNQD.device.type):
        # What a technique adds may have left the precision that torch's own attention would take them in.
        precision = torch.get_autocast_dtype(query_SNQD.device.type)
        query_SNQD, key_SVTD, value_SVTD = (values.to(precision) for values in (query_SNQD, key_SVTD, value_SVTD))
    scale = query_SNQD.shape[-1] ** -0.5 if scaling is None else scaling
    key_heads = query_SNQD.shape[1] // int(getattr(module, "num_key_value_groups", 1))
    if key_SVTD.shape[1] != key_heads:
        # The projection saw more positions than the block's input has, and was folded by the wrong length.
        key_SVTD, value_SVTD = _refold(key_SVTD, key_heads), _refold(value_SVTD, key_heads)
    if isinstance(attention_mask, Pattern):
        if dropout > HIGHEST:
            raise NotImplementedError(f"attention was asked for dropout of {dropout}")
        return attend_packed(query_SNQD, key_SVTD, value_SVTD, attention_mask, dropout, scale), None
    if dropout <= HIGHEST and _is_written_out(query_SNQD, key_SVTD.shape[2]):
        output_SQND: Tensor = _WrittenOut.apply(  # type: ignore[no-untyped-call]
            query_SNQD, key_SVTD, value_SVTD, attention_mask, dropout, scale
        )
        return output_SQND, None
    groups = query_SNQD.shape[1] // key_heads
    if groups > 1:
        key_SVTD, value_SVTD = (values.repeat_interleave(groups, 1) for values in (key_SVTD, value_SVTD))
    output_SNQD = functional.scaled_dot_product_attention(
        query_SNQD, key_SVTD, value_SVTD, attn_mask=attention_mask, dropout_p=dropout, scale=scale
    )
    return output_SNQD.transpose(1, 2).contiguous(), None


def _refuse_unknown(
    module: nn.Module, lengths: tuple[int, int], attention_mask: Tensor | Pattern | None, others: dict[str, Any]
) -> None:
    num_queries, _ = lengths
    asked = {
        name for name, value in others.items() if name not in _HARMLESS and value is not None and value is not False
    }
    # Whatever says for every query what it sees has order and window in it; alone, a position sees itself.
    by_query = isinstance(attention_mask, Pattern) or (
        attention_mask is not None and attention_mask.shape[-2] == num_queries > 1
    )
    if by_query or lengths == (1, 1):
        asked.discard("sliding_window")
    elif getattr(module, "is_causal", False) and num_queries > 1:
        asked.add("is_causal")
    if asked:
        raise NotImplementedError(f"attention was asked for {', '.join(sorted(asked))}")


def _is_written_out(query_SNQD: Tensor, keys: int) -> bool:
    """Return whether batched products beat the fused kernel: on short texts, and wherever its gradient is wanted."""
    longest = LONGEST_WRITTEN_OUT if torch.is_grad_enabled() or query_SNQD.shape[2] == 1 else FUSED_FORWARD_FROM - 1
    return query_SNQD.is_cpu and keys <= longest


def mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    mask_function: Callable[..., Any],
    attention_mask: Tensor | None = None,
    **others: Any,
) -> Tensor | Pattern | None:
    """Return True where attention may look, shape (S, 1, 1, T) for padding alone and (S, 1, Q, T) in general.

    None means that everything is seen. Of a pack, its `Pattern` is returned.

    Raises:
        NotImplementedError: If a pack is read by a model that keeps keys, or by patterns of its own making.
    """
    read = _reading.get()
    if read is not None:
        offsets = others.get("q_offset", 0), others.get("kv_offset", 0)
        if (batch_size, q_length, kv_length) != (1, *2 * (read.packing.num_tokens,)) or any(offsets):
            raise NotImplementedError("a pack is read whole, at once")
        if others.get("use_vmap"):
            raise NotImplementedError("a pack is read with patterns of positions alone")
        return Pattern(read.packing, read.graded, mask_function)
    if mask_function is not bidirectional_mask_function:
        # Never None, which some attentions take for a causal mask, and this one for no mask.
        others["allow_is_causal_skip"] = False
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
        # Queries that share a key head are one after the other, so keys need not be repeated.
        fold = (sequences * key.shape[1], -1, width)
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
        ctx.numbers = (sequences, heads, key.shape[0] // sequences, width, scale, gain)
        return _laid_out(output, gain)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, drop, kept = ctx.saved_tensors
        sequences, heads, key_heads, width, scale, gain = ctx.numbers
        gradient = _laid_out(gradients[0].transpose(1, 2), gain).view(sequences * key_heads, -1, width)
        unfold, unfold_keys = (sequences, heads, -1, width), (sequences, key_heads, -1, width)
        # A projection that does not move, with nothing below it that does, wants no gradient.
        wants_query, wants_key, wants_value = ctx.needs_input_grad[:3]
        to_query = to_key = None
        to_value = torch.bmm(kept.transpose(1, 2), gradient).view(unfold_keys) if wants_value else None
        if not (wants_query or wants_key):
            return None, None, to_value, None, None, None
        to_weights = torch.bmm(gradient, value.transpose(1, 2))
        if drop is not None:
            to_weights.mul_(drop)
        to_scores = torch._softmax_backward_data(to_weights.to(weights.dtype), weights, -1, weights.dtype).to(
            query.dtype
        )
        if wants_query:
            # The layout that the projection's gradient wants, so that it is not copied once more.
            to_query = _laid_out(torch.bmm(to_scores, key).view(unfold).transpose(1, 2), scale).transpose(1, 2)
        if wants_key:
            to_key = torch.bmm(to_scores.transpose(1, 2), query).view(unfold_keys)
        return to_query, to_key, to_value, None, None, None


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
