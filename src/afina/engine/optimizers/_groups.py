"""The groups of a tuning as torch's optimisers take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def with_decay(groups: Sequence[Mapping[str, Any]], weight_decay: float, **options: Any) -> list[dict[str, Any]]:
    """Return the groups with their weight decay, which is none for biases and norms.

    Args:
        groups: Each with `params`, `lr` and `decays`.
        weight_decay: Of those that decay.
        **options: Further options of every group.
    """
    return [
        {
            "params": list(group["params"]),
            "lr": group["lr"],
            "weight_decay": weight_decay if group["decays"] else 0.0,
            **options,
        }
        for group in groups
    ]
