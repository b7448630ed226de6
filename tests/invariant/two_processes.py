"""Fits the cases of `test_processes` in every process of a launcher: `torchrun ... two_processes.py BASES OUT`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests import tiny

TWO_STAGES = {"tuning": ("full", {"head_first_epochs": 1.0})}
CASES: dict[str, dict[str, Any]] = {
    "cls": {"family": "bert"},
    "mean": {"family": "distilbert", "pooling": "mean"},
    "micro-batches": {"family": "bert", "micro_batch_size": 2},
    "an empty share": {"family": "bert", "num_rows": 17, "global_batch_size": 8},
    "stages": {"family": "roberta", **TWO_STAGES},
    "l2-sp": {"family": "bert", "retention": ("l2-sp", {"beta": 0.5}), "optimizer": ("sgd", {}), "pooling": "mean"},
    "last-blocks": {"family": "bert", "tuning": ("last-blocks", {"num_blocks": 1})},
    "float32": {"family": "bert", "precision": "float32", "learning_rate": 1e-4},
}


def fit(
    folder: Path, *, family: str, pooling: str = "cls", num_rows: int = 21, micro_batch_size: int = 8, **options: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit one case, and return the weights with what the loop says of its end."""
    model = tiny.load(folder / family, pooling)
    loop = tiny.loop(model, tiny.rows(num_rows, pooling), micro_batch_size=micro_batch_size, **options)
    progress = loop.fit()
    facts = {"loss": progress.loss, "gradient_norm": progress.gradient_norm, "num_rows": float(progress.num_rows)}
    return tiny.weights(model), facts


def main() -> None:
    """Fit every case; each process writes what it ended at."""
    import torch

    from afina.run import machine

    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    rank = machine.processes(2).process_index
    results = {case: fit(folder, **options) for case, options in CASES.items()}
    torch.save(results, out / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
