"""The smallest input on which a network can be tried, to see by what its parts are moved."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SMALLEST_IMAGE = 64
"""Side of the image on which a network of unknown image size is tried, in pixels."""


def probe_inputs(network: Any) -> dict[str, Tensor]:
    """Return the smallest input that a network can be run on."""
    config = network.config
    if network.main_input_name == "pixel_values":
        size = getattr(config, "image_size", None) or SMALLEST_IMAGE
        height, width = size if isinstance(size, list | tuple) else (size, size)
        return {"pixel_values": torch.zeros(1, int(config.num_channels), int(height), int(width))}
    pad = getattr(config, "pad_token_id", None)
    # Two tokens that are not padding, of which some models number no position.
    return {"input_ids": torch.tensor([[token for token in range(3) if token != pad][:2]])}
