"""Fits the cases of `test_processes` in every process of a launcher: `torchrun ... two_processes.py BASES OUT`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from afina.inference.checkpointing import recomputed
from tests import tiny

TWO_STAGES = {"tuning": ("full", {"head_first_epochs": 1.0})}
THAWING = {"tuning": ("full", {"gradual_unfreezing": 0.5, "layer_decay": 0.5})}
"""The head, then the upper block too, then everything: two steps of each."""
CASES: dict[str, dict[str, Any]] = {
    "cls": {"family": "bert"},
    "mean": {"family": "distilbert", "pooling": "mean"},
    "micro-batches": {"family": "bert", "micro_batch_size": 2},
    "an empty share": {"family": "bert", "num_rows": 17, "global_batch_size": 8},
    "stages": {"family": "roberta", **TWO_STAGES},
    "thawing": {"family": "bert", "pooling": "mean", **THAWING},
    "thawing in micro-batches": {"family": "distilbert", "micro_batch_size": 2, **THAWING},
    "computed again": {"family": "roberta", "pooling": "mean", "gradient_checkpointing": "on", **THAWING},
    "packed": {"family": "bert", "pooling": "mean", "layout": "packed", "micro_batch_size": 2},
    "packed, an empty share": {"family": "roberta", "layout": "packed", "num_rows": 17},
    "l2-sp": {"family": "bert", "retention": ("l2-sp", {"beta": 0.5}), "optimizer": ("sgd", {}), "pooling": "mean"},
    "last-blocks": {"family": "bert", "tuning": ("last-blocks", {"num_blocks": 1})},
    "adapter": {"family": "bert", "tuning": ("adapter", {"reduction_factor": 4, "placement": "parallel"})},
    "lora": {"family": "bert", "tuning": ("lora", {"rank": 4}), "pooling": "mean", "micro_batch_size": 2},
    "prefix": {"family": "bert", "tuning": ("prefix", {"num_virtual_tokens": 3})},
    "float32": {"family": "bert", "precision": "float32", "learning_rate": 1e-4},
}


class Gradients:
    """Keeps the largest gradient of every parameter that has one, step by step, with the name of its stage."""

    priority = 0

    def __init__(self) -> None:
        self.loop: Any = None
        self.steps: list[tuple[str, dict[str, Any]]] = []

    def backward_done(self, progress: Any) -> None:
        """Copy the gradients of a step, as they are about to move weights."""
        parameters = self.loop.optimizing.parameters
        found = {name: weight.grad.clone() for name, weight in parameters.items() if weight.grad is not None}
        self.steps.append((progress.stage, found))

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: Any) -> None:
        """Do nothing."""


def fit(
    folder: Path,
    *,
    family: str,
    pooling: str = "cls",
    num_rows: int = 21,
    micro_batch_size: int = 8,
    gradient_checkpointing: Any = "off",
    **options: Any,
) -> tuple[dict[str, Any], dict[str, float], list[tuple[str, dict[str, Any]]]]:
    """Fit one case, and return the weights, what the loop says of its end, and the gradients of every step."""
    model, gradients = tiny.load(folder / family, pooling), Gradients()
    rows = tiny.rows(num_rows, pooling)
    loop = tiny.loop(model, rows, micro_batch_size=micro_batch_size, callbacks=[gradients], **options)
    gradients.loop = loop
    with recomputed(model, gradient_checkpointing):
        progress = loop.fit()
    facts = {"loss": progress.loss, "gradient_norm": progress.gradient_norm, "num_rows": float(progress.num_rows)}
    return tiny.weights(model), facts, gradients.steps


def fit_wrapped_once(folder: Path, **options: Any) -> Any:
    """Fit one case as an engine would that wraps the model for several processes at its first stage alone."""
    import torch

    wrap, wrapped = torch.nn.parallel.DistributedDataParallel, []

    def once(model: Any) -> Any:
        if not wrapped:
            wrapped.append(wrap(model))
        return wrapped[0]

    torch.nn.parallel.DistributedDataParallel = once  # type: ignore[misc,assignment]
    try:
        return fit(folder, **options)
    finally:
        torch.nn.parallel.DistributedDataParallel = wrap  # type: ignore[misc]


def main() -> None:
    """Fit every case; each process writes what it ended at."""
    import torch

    from afina.run import machine

    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    rank = machine.processes(2).process_index
    results = {case: fit(folder, **options) for case, options in CASES.items()}
    results["wrapped once"] = fit_wrapped_once(folder, **CASES["thawing"])
    torch.save(results, out / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
