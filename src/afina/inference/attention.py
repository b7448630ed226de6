"""The one attention that models run with, registered with transformers under the name `afina`.

Padding is a row of the mask, shared by all heads and queries, made once per batch. Keys and values may be longer than the
queries, which is how the last block computes only the positions that are read (see `graded`).

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

NAME = "afina"

_HARMLESS = frozenset({"position_ids", "use_cache", "output_attentions", "output_hidden_states", "return_dict", "is_causal"})
"""Keywords that models pass along and that do not change what bidirectional attention computes."""


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
    heads = query_SNQD.shape[1]
    if key_SNTD.shape[1] != heads:
        # The projection saw more positions than the block's input has, and was folded by the wrong length.
        key_SNTD, value_SNTD = _refold(key_SNTD, heads), _refold(value_SNTD, heads)
    output_SNQD = functional.scaled_dot_product_attention(
        query_SNQD, key_SNTD, value_SNTD, attn_mask=attention_mask, dropout_p=dropout, scale=scaling
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
        return sdpa_mask(batch_size, q_length, kv_length, mask_function=mask_function, attention_mask=attention_mask, **others)
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask[:, None, None, :].bool()


def _refold(folded: Tensor, heads: int) -> Tensor:
    sequences, *_, width = folded.shape
    return folded.transpose(1, 2).reshape(sequences, -1, heads, width).transpose(1, 2)


def register() -> None:
    """Make the attention known to transformers; doing so again changes nothing."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, mask)


def switch(network: Any, name: str) -> None:
    """Make a transformers network use the attention `name`."""
    register()
    network.set_attn_implementation(name)


def is_exact(alone: Tensor, together: Tensor, tolerance: float) -> bool:
    """Return whether two results agree within `tolerance`, relative to the larger of 1 and the largest value."""
    return bool((alone - together).abs().max() <= tolerance * max(1.0, float(alone.abs().max()))) and bool(torch.isfinite(together).all())
