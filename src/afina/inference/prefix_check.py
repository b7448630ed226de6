"""Whether leaving out the frozen part of a model is exact on this very model.

Two random texts are run plainly, and again from what the frozen part said of each alone. A frozen part that says
something else while the model trains, such as one with dropout that nobody switched off, may not be left out either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from afina.base.messages import say
from afina.base.types import Batch, Segments
from afina.data import batching
from afina.inference import attention
from afina.inference.prefix_parts import Part
from afina.models.contract import Model


def why_not(model: Model, part: Part, probe: list[Segments], tolerance: float) -> str:
    """Return why a frozen part may not be left out; empty where it may.

    Args:
        model: The model, tuning applied.
        part: Its frozen part.
        probe: Rows to try it on.
        tolerance: Largest difference, in the precision of the weights.
    """
    refused = say("the frozen part of this model cannot be left out exactly")
    device, layout = next(model.parameters()).device, replace(model.layout, takes_segments=False)
    with _as_found(model), torch.no_grad():
        try:
            together = batching.collate(probe, layout, "class").to(device)
            plain = _outputs(model, together)
            alone = [part.run(batching.collate([row], layout, "class").to(device)) for row in probe]
            with part.saying(_padded(alone, 1 if part.one_position else together.input_ids.shape[1])):
                short = _outputs(model, _one_position(together) if part.one_position else together)
            if not attention.is_exact(plain, short, tolerance):
                return refused
            once = part.run(together)
            model.train()
            if not torch.equal(once, part.run(together)):
                return say("the frozen part of this model does not say the same twice")
        except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, AttributeError, KeyError):
            # Whatever a foreign architecture stumbles over, the answer is the same: this shortcut is not for it.
            return refused
    return ""


def _outputs(model: Model, batch: Batch) -> Tensor:
    outputs: Tensor = model(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))
    return outputs


@contextmanager
def _as_found(model: Model) -> Iterator[None]:
    """Try in evaluation mode, and put mode and random numbers back."""
    training = model.training
    model.eval()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        model.train(training)


def _padded(states: list[Tensor], width: int) -> Tensor:
    """Return what was said of each text alone, one below the other, the last position repeated."""
    return torch.cat([torch.cat([one, one[:, -1:].expand(-1, width - one.shape[1], -1)], 1) for one in states])


def _one_position(batch: Batch) -> Batch:
    """Return the batch as if every text were a single position."""
    sequences = len(batch.input_ids)
    return Batch(
        rows=batch.rows,
        input_ids=batch.input_ids.new_zeros(sequences, 1),
        attention_mask=batch.attention_mask.new_ones(sequences, 1),
        owner=batch.owner,
    )
