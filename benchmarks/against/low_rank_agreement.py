"""Whether both sides of low-rank training compute the same: losses over the same batches, and one batch's gradient.

This process also leaves what the peer is run on: the rows as our side encoded them, and the adapter it starts from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from afina.base import registry
from afina.data import batching
from afina.run import settling
from afina.run.prepared import Prepared
from against import agreement, low_rank_peer, ours, peer, stopwatch

PEER = {"float32": ({}, torch.float32), "bfloat16": ({"bf16": True}, torch.bfloat16)}
GRADIENT_TOLERANCE = 2e-5
"""Four-bit weights are the same on both sides; the order in which products are summed is not."""


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Compare both sides in both precisions, and return the differences."""
    result: dict[str, Any] = {}
    for precision, tolerance in agreement.LOSS_TOLERANCE.items():
        prepared = agreement._prepared(asked, precision)
        if precision == "float32":
            _leave(prepared, asked)
            result["gradient_difference"] = _gradient_difference(prepared, asked)
        batches = agreement._whole(prepared.plan)[: agreement.STEPS]
        timed = ours.Timed()
        ours.train(prepared, timed, agreement.Fixed(batches))  # type: ignore[arg-type]
        theirs = _peer_losses(asked, batches, precision)
        difference = float(np.abs(np.subtract(timed.losses, theirs)).max())
        result[precision] = {
            "ours": round(timed.losses[-1], 6),
            "peer": round(theirs[-1], 6),
            "largest_difference": difference,
            "agree": difference <= tolerance,
        }
    result["gradient_agrees"] = result["gradient_difference"] <= GRADIENT_TOLERANCE
    result["agree"] = result["gradient_agrees"] and all(result[name]["agree"] for name in agreement.LOSS_TOLERANCE)
    return result


def _leave(prepared: Prepared, asked: dict[str, Any]) -> None:
    ours.leave_rows(prepared.gathered.segments["train"], asked["rows"])
    prepared.gathered.processor.tokenizer.save_pretrained(asked["tokenizer"])
    folder = Path(asked["adapter"])
    folder.mkdir(exist_ok=True)
    assert prepared.gathered.tuning.save(prepared.model, folder, asked["base"])


def _gradient_difference(prepared: Prepared, asked: dict[str, Any]) -> float:
    """Return how far the gradients of one batch lie apart, relative to their length, over all that moves."""
    rows, kind = agreement._whole(prepared.plan)[0], prepared.gathered.task.target_kind
    batch = batching.collate([prepared.gathered.segments["train"][row] for row in rows], prepared.model.layout, kind)
    objective = registry.build("objectives", prepared.resolved.recipe.objective)
    prepared.model.train()
    output = objective.step(prepared.forward, batch, settling.aids(prepared.gathered))
    (output.loss_sum / output.num_targets).backward()
    network = low_rank_peer.model(asked, dropout=0.0).train()
    network(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.targets).loss.backward()
    theirs = {
        name.removeprefix("base_model.model.").replace(".modules_to_save.default.", "."): weight.grad
        for name, weight in network.named_parameters()
        if weight.requires_grad
    }
    gradients = {
        name.removeprefix("network."): weight.grad
        for name, weight in prepared.model.named_parameters()
        if weight.requires_grad
    }
    assert set(gradients) == set(theirs), set(gradients) ^ set(theirs)
    square = sum(float(gradient.double().square().sum()) for gradient in theirs.values())
    apart = sum(float((theirs[name].double() - gradients[name].double()).square().sum()) for name in theirs)
    prepared.model.zero_grad(set_to_none=True)
    return float((apart / square) ** 0.5)


def _peer_losses(asked: dict[str, Any], batches: tuple[np.ndarray, ...], precision: str) -> list[float]:
    settings, dtype = PEER[precision]
    network = low_rank_peer.model(asked, dropout=0.0, compute_dtype=dtype)
    made = peer.trainer({**asked, "steps": agreement.STEPS}, network, peer.Ordered, settings)
    made.order = np.concatenate(batches).tolist()
    made.train()
    return made.losses  # type: ignore[no-any-return]


if __name__ == "__main__":
    torch.manual_seed(0)
    stopwatch.answer(main)
