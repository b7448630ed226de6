"""Fits models whose lowest part is frozen, with what it says computed once or at every step.

Alone, or in every process of a launcher: `torchrun ... cached.py BASES OUT`, which does the latter for every case.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from afina.base import seeds
from afina.base.disk import full
from afina.engine import checkpoint
from afina.engine.loop import COMPONENTS, Loop, weights_held_in
from afina.run import prefixing
from afina.run.listener import Silent
from tests import tiny

LIMIT_BYTES = 10**9
LAST: tuple[str, dict[str, Any]] = ("last-blocks", {"num_blocks": 1})
CASES: dict[str, dict[str, Any]] = {
    "head, cls": {"family": "bert", "pooling": "cls", "tuning": ("head", {})},
    "head, mean, windows": {"family": "roberta", "pooling": "mean", "tuning": ("head", {}), "windows": 3},
    "last block": {"family": "distilbert", "pooling": "cls", "tuning": LAST, "micro_batch_size": 2},
    "frozen below, an empty share": {
        "family": "bert",
        "pooling": "mean",
        "tuning": ("full", {"freeze_blocks": 1}),
        "num_rows": 17,
    },
}


def loop(
    folder: Path,
    *,
    family: str,
    pooling: str,
    tuning: tuple[str, dict[str, Any]],
    is_cached: bool,
    num_rows: int = 21,
    windows: int = 1,
    run: Path | None = None,
    callbacks: Any = (),
    **options: Any,
) -> Loop:
    """Return a loop over random rows, gone on with where `run` holds a checkpoint."""
    model = tiny.load(folder / family, pooling, dropout=options.pop("dropout", 0.0))
    rows = tiny.rows(num_rows, pooling, windows=windows)
    usual = {"micro_batch_size": 8, **options}
    made = tiny.loop(model, rows, tuning=tuning, callbacks=callbacks, folder=run, **usual)
    material = made.material
    if is_cached:
        reason = material.forward.leave_out(material.report.frozen_blocks, material.report.names)
        assert not reason, reason
        kept = prefixing.fill(material.forward, {"train": rows}, made.processes, LIMIT_BYTES, Silent())
        assert all(row.cached is not None for row in kept["train"])
        material = replace(material, segments=kept["train"])
    seeds.seed_everything(0)
    made = Loop(material, made.settings, made.callbacks, made.processes, run)
    found, _ = checkpoint.newest(run, COMPONENTS) if run is not None else (None, [])
    if found is not None:
        made.restore(found.read())
    return made


def fit(folder: Path, **options: Any) -> tuple[dict[str, Any], list[float]]:
    """Fit one case, and return the weights and the loss of every step."""
    losses = Losses()
    made = loop(folder, callbacks=[losses, *options.pop("callbacks", ())], **options)
    with weights_held_in(made.material.forward):
        made.fit()
    return tiny.weights(made.model), losses.losses


class Losses:
    """Keeps the loss of every step."""

    priority = 0

    def __init__(self) -> None:
        self.losses: list[float] = []

    def step_done(self, progress: Any) -> None:
        """Note the loss."""
        self.losses.append(progress.loss)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load_state_dict(self, state: Any) -> None:
        """Do nothing."""


class Warned(Silent):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, sentence: str) -> None:
        """Note the sentence."""
        self.warnings.append(sentence)


def refused(folder: Path, rank: int) -> tuple[list[str], bool]:
    """Let the disk of the second process alone be full; return what this one is warned of, and whether it goes on."""
    made = loop(folder, family="bert", pooling="mean", tuning=LAST, is_cached=False)
    forward, report, rows, heard = made.material.forward, made.material.report, tiny.rows(30, "mean"), Warned()
    assert not forward.leave_out(report.frozen_blocks, report.names)
    forward.prefix.fill = _full if rank == 1 else _nothing  # type: ignore[union-attr, method-assign]
    kept = prefixing.fill(forward, {"train": rows}, made.processes, LIMIT_BYTES, heard)
    return heard.warnings, forward.prefix is None and all(row.cached is None for row in kept["train"])


def _nothing(*_: Any) -> None:
    """Write nothing, so that what was kept before can still be counted."""


def _full(*_: Any) -> None:
    raise full(Path(), 10**12)


def main() -> None:
    """Fit every case; each process writes what it ended at, and at last what it was told of a full disk."""
    import torch

    from afina.run import machine

    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    rank = machine.processes(2).process_index
    results = {case: fit(folder, is_cached=True, **options) for case, options in CASES.items()}
    torch.save(results, out / f"{rank}.pt")
    (out / f"{rank}.json").write_text(json.dumps(refused(folder, rank)), encoding="utf-8")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
