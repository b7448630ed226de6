"""Frozen layers, with or without a low-rank product beside them (LoRA), computed as one node of the graph.

PEFT's and bitsandbytes' layers keep their parameters, names and files; only what they do on a CPU is replaced, and only
where a self-test shows the same outputs and gradients in the model's own precision. What PEFT does beyond one plain
product (several adapters at once, DoRA, merged weights) goes on as PEFT does it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from afina.base.messages import say
from afina.inference.attention import is_exact
from afina.inference.dropout import HIGHEST
from afina.inference.frozen_product import LowRank, Weight, compute_dtype, product
from afina.inference.quantised import is_quantised, unpacked

EXACTNESS = 1e-5
"""Largest difference, relative to the larger of 1 and the largest value, between a layer's own way and ours."""

_PROBE_ROWS = 4


def put_in(model: nn.Module) -> list[str]:
    """Replace what the layers of `model` do that are held in four bits or have a low-rank product beside them.

    Returns:
        A note for the user where layers keep their own way.
    """
    cast = _LastCast()
    refused = 0
    for layer in model.modules():
        if _is_quantised_alone(layer) or _is_low_rank(layer):
            layer.forward = partial(_forward, layer, layer.forward, cast)
            if not _agrees(layer):
                del layer.forward
                refused += 1
    if not refused:
        return []
    return [say("{count} frozen layers are computed in their own way: ours does not give the same.", count=refused)]


def _forward(
    layer: nn.Module, own: Callable[..., Tensor], cast: _LastCast, values: Tensor, *others: Any, **named: Any
) -> Tensor:
    base: Any = getattr(layer, "base_layer", layer)
    weight, bias = base.weight, base.bias
    if others or named or not values.is_cpu or weight.requires_grad or not values.numel():
        return own(values, *others, **named)
    low_rank = None
    if base is not layer:
        low_rank = _low_rank(layer)
        if low_rank is None:
            return own(values)
    dtype = compute_dtype(values)
    return product(cast(values, dtype), _weight(base), bias, low_rank)


def _weight(base: Any) -> Weight:
    """Return the way to a layer's weight (O, I): plain, the other way round as GPT-2 keeps it, or in four bits."""
    if is_quantised(base):
        return partial(unpacked, base)
    weight: Tensor = base.weight.detach()
    return (weight.t() if type(base) is Conv1D else weight).to


def _low_rank(layer: Any) -> LowRank | None:
    """Return the one plain low-rank product that a PEFT layer adds now, or None where it does anything else."""
    active = [name for name in layer.active_adapters if name in layer.lora_A]
    if layer.disable_adapters or layer.merged or len(active) != 1:
        return None
    (name,) = active
    lower, upper, dropout = layer.lora_A[name], layer.lora_B[name], layer.lora_dropout[name]
    if name in layer.lora_variant or upper.bias is not None or _has_hooks(layer.base_layer, lower, upper):
        return None
    probability = float(getattr(dropout, "p", 0.0)) if dropout.training else 0.0
    if probability > HIGHEST:
        return None
    return LowRank(lower.weight, upper.weight, float(layer.scaling[name]), probability)


def _is_low_rank(layer: nn.Module) -> bool:
    """Return whether a layer is PEFT's LoRA on a frozen linear layer; PEFT itself need not be there."""
    known = type(layer).__module__.startswith("peft.tuners.lora.") and type(layer).__name__ in {"Linear", "Linear4bit"}
    if not known or _stands_in(layer):
        return False
    base: Any = layer.base_layer
    return (type(base) in {nn.Linear, Conv1D} or is_quantised(base)) and not base.weight.requires_grad


def _is_quantised_alone(layer: nn.Module) -> bool:
    return is_quantised(layer) and not hasattr(layer, "base_layer") and not _stands_in(layer)


def _stands_in(layer: nn.Module) -> bool:
    own = layer.__dict__.get("forward")
    return isinstance(own, partial) and own.func is _forward


def _has_hooks(*layers: nn.Module) -> bool:
    return any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)


class _LastCast:
    """The last input in the precision of the product: the projections of a block all read the same one."""

    def __init__(self) -> None:
        self._values: Callable[[], Tensor | None] = lambda: None
        self._key: tuple[Any, ...] = ()
        self._result: Tensor | None = None

    def __call__(self, values: Tensor, dtype: torch.dtype) -> Tensor:
        if values.dtype == dtype:
            return values
        key = (0 if values.is_inference() else values._version, dtype, torch.is_grad_enabled())
        if self._result is None or self._values() is not values or self._key != key:
            self._values, self._key, self._result = weakref.ref(values), key, values.to(dtype)
        return self._result


def _agrees(layer: Any) -> bool:
    """Return whether our way of a layer gives its own outputs and gradients; no random number is drawn from torch's."""
    draw = torch.Generator().manual_seed(0)
    stand_in, training = layer.forward, layer.training
    own = stand_in.args[1]
    learning = [weight for name, weight in layer.named_parameters() if name.startswith(("lora_A.", "lora_B."))]
    kept = [weight.data for weight in learning]
    dtype = kept[0].dtype if kept else torch.float32
    base = getattr(layer, "base_layer", layer)
    num_inputs = base.weight.shape[0] if type(base) is Conv1D else base.in_features
    values = torch.randn(2, _PROBE_ROWS, num_inputs, generator=draw, dtype=dtype).requires_grad_()
    layer.eval()
    try:
        for weight in learning:
            # A fresh B is zero, which would hide everything that A does.
            weight.data = torch.randn(weight.shape, generator=draw, dtype=dtype).div_(weight.shape[-1] ** 0.5)
        with torch.enable_grad():
            results = [_result(way, values, learning) for way in (own, stand_in)]
    except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, AttributeError):
        # Whatever a foreign layer stumbles over, the answer is the same: this shortcut is not for it.
        return False
    finally:
        for weight, data in zip(learning, kept, strict=True):
            weight.data = data
        layer.train(training)
    return all(is_exact(theirs, ours, EXACTNESS) for theirs, ours in zip(*results, strict=True))


def _result(way: Callable[[Tensor], Tensor], values: Tensor, learning: list[nn.Parameter]) -> list[Tensor]:
    output = way(values)
    asked = [values, *(weight for weight in learning if weight.requires_grad)]
    return [output.detach(), *torch.autograd.grad(output.square().sum(), asked)]
