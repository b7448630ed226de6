"""Whether both sides compute the same: losses over the same batches, and one batch's gradient.

This process also leaves what the peer is run on: the rows as our side encoded them, and the weights it starts from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from afina.base import registry
from afina.data import batching
from afina.run import settling
from afina.run.prepared import Prepared
from against import ours, peer, stopwatch, workloads

STEPS = 8
LOSS_TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-3}
GRADIENT_TOLERANCE = 1e-5
PEER_PRECISION: dict[str, dict[str, Any]] = {"float32": {}, "bfloat16": {"bf16": True}}


@dataclass(frozen=True, slots=True)
class Fixed:
    """A plan of given batches."""

    batches: tuple[np.ndarray, ...]
    global_batch_size: int = workloads.BATCH_ROWS

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass."""
        return len(self.batches)

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches, the same in every epoch."""
        return list(self.batches)


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Compare both sides in both precisions, and return the differences."""
    result: dict[str, Any] = {}
    for precision, tolerance in LOSS_TOLERANCE.items():
        prepared = _prepared(asked, precision)
        if precision == "float32":
            _leave(prepared, asked)
            result["gradient_difference"] = _gradient_difference(prepared, asked)
        batches = _whole(prepared.plan)[:STEPS]
        timed = ours.Timed()
        ours.train(prepared, timed, Fixed(batches))  # type: ignore[arg-type]
        theirs = _peer_losses(asked, batches, PEER_PRECISION[precision])
        difference = float(np.abs(np.subtract(timed.losses, theirs)).max())
        result[precision] = {
            "ours": round(timed.losses[-1], 6),
            "peer": round(theirs[-1], 6),
            "largest_difference": difference,
            "agree": difference <= tolerance,
        }
    result["gradient_agrees"] = result["gradient_difference"] <= GRADIENT_TOLERANCE
    result["agree"] = result["gradient_agrees"] and all(result[precision]["agree"] for precision in LOSS_TOLERANCE)
    return result


def _prepared(asked: dict[str, Any], precision: str) -> Prepared:
    recipe = {**asked["recipe"], "base": {**asked["recipe"]["base"], "dropout": 0.0}}
    recipe["training"] = {**recipe["training"], "precision": precision, "max_steps": STEPS}
    return ours.ready(recipe, asked["threads"])


def _whole(plan: batching.Plan) -> tuple[np.ndarray, ...]:
    return tuple(rows for rows in plan.epoch(0) if len(rows) == plan.global_batch_size)


def _leave(prepared: Prepared, asked: dict[str, Any]) -> None:
    """Write the encoded rows, the weights before the first step, and the tokenizer."""
    segments = prepared.gathered.segments["train"]
    assert all(len(segment.documents) == 1 for segment in segments)
    documents = [segment.documents[0] for segment in segments]
    np.savez(
        asked["rows"],
        tokens=np.concatenate(documents),
        lengths=np.asarray([len(document) for document in documents]),
        labels=np.asarray([segment.target for segment in segments]),
    )
    prepared.model.network.save_pretrained(asked["start"])
    prepared.gathered.processor.tokenizer.save_pretrained(asked["tokenizer"])
    assert (Path(asked["start"]) / "model.safetensors").is_file()


def _gradient_difference(prepared: Prepared, asked: dict[str, Any]) -> float:
    """Return how far the gradients of one batch lie apart, relative to their length, over all parameters."""
    segments = [prepared.gathered.segments["train"][row] for row in _whole(prepared.plan)[0]]
    batch = batching.collate(segments, prepared.model.layout, prepared.gathered.task.target_kind)
    objective = registry.build("objectives", prepared.resolved.recipe.objective)
    prepared.model.train()
    output = objective.step(prepared.forward, batch, settling.aids(prepared.gathered))
    (output.loss_sum / output.num_targets).backward()
    network = peer.model(asked["start"], dropout=0.0).train()
    network(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.targets).loss.backward()
    square = difference = 0.0
    gradients = {name: parameter.grad for name, parameter in prepared.model.network.named_parameters()}
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert gradients[name] is not None, name
        square += float(parameter.grad.double().square().sum())
        difference += float((parameter.grad.double() - gradients[name].double()).square().sum())
    prepared.model.zero_grad(set_to_none=True)
    return float((difference / square) ** 0.5)


def _peer_losses(asked: dict[str, Any], batches: tuple[np.ndarray, ...], settings: dict[str, Any]) -> list[float]:
    made = peer.trainer({**asked, "steps": STEPS}, peer.model(asked["start"], dropout=0.0), peer.Ordered, settings)
    made.order = np.concatenate(batches).tolist()
    made.train()
    return made.losses  # type: ignore[no-any-return]


if __name__ == "__main__":
    torch.manual_seed(0)
    stopwatch.answer(main)
