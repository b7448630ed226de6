"""Whether a model reads several documents in one sequence as it reads each alone, tried on the model itself.

Nothing is believed of an architecture: packing is silently wrong where positions start after the id of padding, where
an attention of its own lets documents see each other, and where a technique puts tokens or keys before the text.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from afina.base.types import Layout, Segments
from afina.data import batching
from afina.inference import attention
from afina.inference.graded import GradedLastBlock
from afina.inference.unpacking import Unpacking
from afina.models.contract import Model

Positions = Literal["from_zero", "after_padding"]


def packable(
    model: Model, graded: GradedLastBlock | None, unpacking: Unpacking, device: torch.device, tolerance: float
) -> Layout | None:
    """Return the layout with which a model reads packed documents exactly; None if there is none.

    Args:
        model: The model, tuning applied, in evaluation mode, run with our attention.
        graded: Lets the last block compute only the positions that are read, or None.
        unpacking: What makes its documents sequences again.
        device: Where it runs.
        tolerance: Largest difference of what the head reads, relative to the larger of 1 and the largest value.
    """
    rows = _rows(model)
    padded = replace(model.layout, wants_packs=False)
    with torch.no_grad():
        alone = torch.cat([_features(model, [row], padded, graded, unpacking, device) for row in rows])
        for positions in get_args(Positions):
            layout = replace(model.layout, takes_segments=True, positions=positions, wants_packs=True)
            try:
                together = _features(model, rows, layout, graded, unpacking, device)
            except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, AttributeError):
                # Whatever a foreign architecture stumbles over, the answer is the same: it is not for packs.
                continue
            if together.shape == alone.shape and attention.is_exact(alone, together, tolerance):
                return layout
    return None


def _features(
    model: Model,
    rows: list[Segments],
    layout: Layout,
    graded: GradedLastBlock | None,
    unpacking: Unpacking,
    device: torch.device,
) -> Tensor:
    batch = batching.collate(rows, layout, "class").to(device)
    with ExitStack() as shortcuts:
        shortcuts.enter_context(attention.reading(batch))
        shortcuts.enter_context(unpacking.reading(batch.packing))
        if graded is not None:
            shortcuts.enter_context(graded.reading(batch.graded, batch.packing))
        return model.features(batch)


def _rows(model: Model) -> list[Segments]:
    """Return random documents, two of one length, drawn without touching the run's random state."""
    generator = np.random.default_rng(1)
    vocabulary = int(model.network.config.vocab_size)
    limit = min(model.layout.max_tokens, 16)
    graded = (0,) if model.spec.pooling == "cls" else None
    return [
        Segments(row, (generator.integers(1, vocabulary, length).astype(np.int32),), graded=graded)
        for row, length in enumerate((max(limit // 2, 1), limit, max(limit // 2, 1)))
    ]
