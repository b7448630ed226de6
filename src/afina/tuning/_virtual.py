"""Virtual tokens: learnt numbers that stand in front of every text, as embeddings or as keys and values.

A module of the base holds them, and a hook puts them in when the base is called: the base keeps its class, its names
and its weights, and a classifier around it knows nothing of them. The encoders are PEFT's.

Shapes: S sequences, T tokens of the text, V virtual tokens, H width of the embeddings, L blocks, N key and value heads,
D their width, W = H for embeddings and 2 L N D for keys and values.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from afina.base.optional import need

NAME = "virtual_tokens"
"""The attribute of the base that holds them."""

Enter = Callable[[Any, Tensor, dict[str, Any]], None]
"""Puts the values of virtual tokens (V, W) into what a base is called with, by its argument names."""


class VirtualTokens(nn.Module):
    """What the virtual tokens are, and how they come in.

    Args:
        encoder: Makes their values, shape (..., V, W), from their numbers.
        num_tokens: V.
        enter: Puts the values into what the base is called with.
    """

    def __init__(self, encoder: nn.Module, num_tokens: int, enter: Enter) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_tokens = num_tokens
        self.enter = enter
        self.handle: Any = None

    def forward(self) -> Tensor:
        """Return their values, shape (V, W)."""
        device = next(self.encoder.parameters()).device
        # Recurrent encoders read a batch.
        values_1VW: Tensor = self.encoder(torch.arange(self.num_tokens, device=device).unsqueeze(0))
        return values_1VW[0]


def put_on(base: Any, tokens: VirtualTokens) -> None:
    """Let a base be called with virtual tokens in front of every text."""
    assert not hasattr(base, NAME), "a base takes virtual tokens once"
    weight = base.get_input_embeddings().weight
    tokens.to(weight.device, weight.dtype if weight.is_floating_point() else None)
    base.add_module(NAME, tokens)
    tokens.handle = base.register_forward_pre_hook(_call, with_kwargs=True)


def take_off(base: Any) -> None:
    """Take the virtual tokens away."""
    getattr(base, NAME).handle.remove()
    delattr(base, NAME)


def as_embeddings(base: Any, values_VH: Tensor, given: dict[str, Any]) -> None:
    """Put virtual tokens in front of the text as further tokens: the base gives V positions more."""
    words_STH = given.pop("inputs_embeds", None)
    ids_ST = given.pop("input_ids", None)
    if words_STH is None:
        words_STH = base.get_input_embeddings()(ids_ST)
    virtual_SVH = values_VH.to(words_STH.dtype).expand(len(words_STH), -1, -1)
    given["inputs_embeds"] = torch.cat([virtual_SVH, words_STH], 1)
    _lengthen(given, len(values_VH), {"attention_mask": 1, "token_type_ids": 0})


def as_past(base: Any, values_VW: Tensor, given: dict[str, Any]) -> None:
    """Put virtual tokens before the text as what every block has seen already: the base gives no further position."""
    text_ST = given["input_ids"] if given.get("input_ids") is not None else given["inputs_embeds"]
    heads, width = key_heads(base.config)
    layers_2LNVD = values_VW.view(len(values_VW), -1, heads, width).permute(1, 2, 0, 3)
    pairs = [
        tuple(states_NVD.expand(len(text_ST), -1, -1, -1) for states_NVD in pair)
        for pair in zip(layers_2LNVD[::2], layers_2LNVD[1::2], strict=True)
    ]
    given["past_key_values"] = _fixed_past()(pairs)
    _lengthen(given, len(values_VW), {"attention_mask": 1})


def key_heads(config: Any) -> tuple[int, int]:
    """Return how many key and value heads a base has, and how wide they are."""
    heads = int(config.num_attention_heads)
    width = getattr(config, "head_dim", None) or int(config.hidden_size) // heads
    return int(getattr(config, "num_key_value_heads", None) or heads), int(width)


def _call(base: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[()], dict[str, Any]]:
    given = {**dict(zip(inspect.signature(base.forward).parameters, args, strict=False)), **kwargs}
    tokens: VirtualTokens = getattr(base, NAME)
    tokens.enter(base, tokens(), given)
    return (), given


def _lengthen(given: dict[str, Any], num_tokens: int, fills: Mapping[str, int]) -> None:
    for name, fill in fills.items():
        if given.get(name) is not None:
            longer_ST = given[name].new_full((len(given[name]), num_tokens), fill)
            given[name] = torch.cat([longer_ST, given[name]], 1)


@functools.cache
def _fixed_past() -> Any:
    """Return transformers' cache of keys and values, made to keep only what it was given.

    The blocks of a text join theirs to it and it remembers none, so a block can be computed again, as gradient
    checkpointing does.
    """
    transformers = need("transformers", extra="train")

    class FixedPast(transformers.DynamicCache):  # type: ignore[name-defined,misc]
        def update(
            self, key_states: Tensor, value_states: Tensor, layer_idx: int, *others: Any, **more: Any
        ) -> tuple[Tensor, Tensor]:
            own = self.layers[layer_idx]
            keys = torch.cat([own.keys.to(key_states.dtype), key_states], -2)
            return keys, torch.cat([own.values.to(value_states.dtype), value_states], -2)

    return FixedPast
