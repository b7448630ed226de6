"""What makes two frozen parts the same, so that runs, trials and techniques share what was computed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
import transformers
from torch import Tensor

from afina.inference.precision import Precision
from afina.inference.prefix_parts import Part
from afina.models.contract import Model

FORMAT = 1
"""Raised whenever entries of before must not be read any more."""

_OF_THE_HEAD = (
    "id2label",
    "label2id",
    "num_labels",
    "problem_type",
    "architectures",
    "_name_or_path",
    "classifier_dropout",
    "classifier_pooling",
)


def key_of(model: Model, part: Part, precision: Precision, device: torch.device) -> str:
    """Return the key: a digest of the weights themselves, not of what somebody calls them, and of all that computes.

    The content of a row is no part of it: entries are found by their token ids.
    """
    digest = hashlib.blake2b(digest_size=16)
    facts = {
        "format": FORMAT,
        "part": part.name,
        "pooling": model.spec.pooling if part.one_position else None,
        "config": _config(model),
        "attention": model.network.config._attn_implementation,
        "precision": precision,
        "device": device.type,
        "versions": [torch.__version__, transformers.__version__],
    }
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    for tensor in part.tensors:
        _add(digest, tensor)
    return digest.hexdigest()


def _config(model: Model) -> dict[str, Any]:
    config = model.network.config.to_diff_dict()
    return {name: value for name, value in config.items() if name not in _OF_THE_HEAD and "drop" not in name}


def _add(digest: Any, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    numbers: Any = content.numpy()
    digest.update(memoryview(numbers))
    packed = getattr(tensor, "quant_state", None)
    if packed is not None:
        # Four-bit weights mean nothing without the scales beside them.
        for scale in packed.as_dict(packed=False).values():
            if isinstance(scale, Tensor):
                _add(digest, scale)
