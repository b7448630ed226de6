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
from afina.run import prefixing, settling
from afina.run.listener import Silent
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
            result["moving"] = _moving(prepared)
            result["gradient_difference"] = _gradient_difference(prepared, asked)
        batches = _whole(prepared.plan)[:STEPS]
        timed = ours.Timed()
        ours.train(prefixing.filled(prepared, Silent()), timed, Fixed(batches))  # type: ignore[arg-type]
        theirs = _peer_losses(asked, batches, PEER_PRECISION[precision], result["moving"])
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
    ours.leave_rows(prepared.gathered.segments["train"], asked["rows"])
    prepared.model.network.save_pretrained(asked["start"])
    prepared.gathered.processor.tokenizer.save_pretrained(asked["tokenizer"])
    assert (Path(asked["start"]) / "model.safetensors").is_file()


def _moving(prepared: Prepared) -> list[str]:
    """Return what the peer calls the parameters that move."""
    return [name.removeprefix("network.") for name in prepared.report.names]


def _gradient_difference(prepared: Prepared, asked: dict[str, Any]) -> float:
    """Return how far the gradients of one batch lie apart, relative to their length, over all parameters."""
    # Plainly for the peer; for our side from what is kept of the frozen part, where there is any.
    rows, kind = _whole(prepared.plan)[0], prepared.gathered.task.target_kind
    plain = batching.collate([prepared.gathered.segments["train"][row] for row in rows], prepared.model.layout, kind)
    kept = prefixing.filled(prepared, Silent()).gathered.segments["train"]
    batch = prepared.forward.collate([kept[row] for row in rows], kind)
    objective = registry.build("objectives", prepared.resolved.recipe.objective)
    prepared.model.train()
    output = objective.step(prepared.forward, batch, settling.aids(prepared.gathered))
    (output.loss_sum / output.num_targets).backward()
    network = peer.model(asked["start"], dropout=0.0)
    peer.freeze(network, _moving(prepared))
    network.train()
    network(input_ids=plain.input_ids, attention_mask=plain.attention_mask, labels=plain.targets).loss.backward()
    square = difference = 0.0
    gradients = {name: parameter.grad for name, parameter in prepared.model.network.named_parameters()}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            assert gradients[name] is None, name
            continue
        assert parameter.grad is not None, name
        assert gradients[name] is not None, name
        square += float(parameter.grad.double().square().sum())
        difference += float((parameter.grad.double() - gradients[name].double()).square().sum())
    prepared.model.zero_grad(set_to_none=True)
    return float((difference / square) ** 0.5)


def _peer_losses(
    asked: dict[str, Any], batches: tuple[np.ndarray, ...], settings: dict[str, Any], moving: list[str]
) -> list[float]:
    network = peer.model(asked["start"], dropout=0.0)
    peer.freeze(network, moving)
    made = peer.trainer({**asked, "steps": STEPS}, network, peer.Ordered, settings)
    made.order = np.concatenate(batches).tolist()
    made.train()
    return made.losses  # type: ignore[no-any-return]


if __name__ == "__main__":
    torch.manual_seed(0)
    stopwatch.answer(main)
