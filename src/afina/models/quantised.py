"""A base whose blocks hold their matrices in four bits, through bitsandbytes; everything else stays float32.

NF4 with double quantisation (Dettmers et al. 2023, arXiv:2305.14314, sec. 3): 4-bit codes, one scale per 64 of them,
the scales themselves in eight bits; 0.52 bytes per weight. Weights are rounded one by one as they are read.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BitsAndBytesConfig

from afina.base.optional import need
from afina.models.blocks import largest_list

ASKED = "quantisation"
"""What a tuning requires of the base: `{"quantisation": "nf4", "double": True}`."""

_PACKS = "support_avx512bf16_for_cpu"
"""What bitsandbytes asks its layers before it packs them anew."""


def keywords(requires: Mapping[str, object], make_empty: Callable[[], Any]) -> dict[str, Any]:
    """Return what transformers' `from_pretrained` must be told so that a base comes as a tuning requires it.

    Args:
        requires: What the tuning requires; empty for a base as it is.
        make_empty: Makes the network without weights, to see which layers its blocks have.

    Raises:
        MissingExtraError: If bitsandbytes is not installed.
    """
    if ASKED not in requires:
        return {}
    # First, and by this way alone: transformers would import it without the guard.
    need("bitsandbytes", extra="quantised")
    with torch.device("meta"):
        network = make_empty()
    asked = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=requires[ASKED],
        bnb_4bit_use_double_quant=bool(requires.get("double", False)),
        bnb_4bit_compute_dtype=torch.float32,
        llm_int8_skip_modules=_outside_blocks(network),
    )
    return {"quantization_config": asked, "device_map": {"": "cpu"}}


def settle(network: nn.Module) -> None:
    """Hold bitsandbytes back from packing the weights anew, and coarser, the first time they are used in evaluation."""
    for module in network.modules():
        if hasattr(module, _PACKS):
            setattr(module, _PACKS, False)


def digests(parameters: Iterable[tuple[str, Tensor]]) -> dict[str, str]:
    """Return the SHA-256 of everything that quantised weights are made of, hexadecimal, by name.

    Args:
        parameters: Parameters by name; those that are not quantised are passed over.
    """
    states = ((name, parameter, getattr(parameter, "quant_state", None)) for name, parameter in parameters)
    return {name: _digest(parameter, state) for name, parameter, state in states if state is not None}


def num_bytes(parameter: Tensor) -> int:
    """Return the bytes that a parameter takes, those of its scales included."""
    return sum(
        part.numel() * part.element_size() for part in _parts(parameter, getattr(parameter, "quant_state", None))
    )


def plain_bytes(parameter: Tensor) -> int:
    """Return the bytes that a parameter would take unrounded: in float32 where it is held in four bits."""
    state = getattr(parameter, "quant_state", None)
    if state is None:
        return parameter.numel() * parameter.element_size()
    return int(math.prod(state.shape)) * torch.float32.itemsize


def _digest(parameter: Tensor, state: Any) -> str:
    digest = hashlib.sha256()
    for part in _parts(parameter, state):
        digest.update(part.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _parts(parameter: Tensor, state: Any) -> list[Tensor]:
    if state is None:
        return [parameter]
    nested = [state.state2.absmax, state.state2.code, state.offset] if state.nested else []
    return [parameter.data, state.absmax, state.code, *nested]


def _outside_blocks(network: Any) -> list[str]:
    """Return the paths of the layers that transformers would quantise though no block holds them."""
    prefix = network.base_model_prefix
    is_wrapped = network.base_model is not network and hasattr(network, prefix)
    path, _ = largest_list(network.base_model)
    inside = f"{prefix}.{path}." if is_wrapped else f"{path}."
    # A name that is no layer's, so that the list is never empty: transformers would then choose by itself.
    found = [name for name, module in network.named_modules() if not list(module.children())]
    return [name for name in found if not name.startswith(inside)] or ["no layer"]
