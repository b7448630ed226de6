"""Our side: the project's own road, from a recipe to the loop, without folder or judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from afina.base import seeds
from afina.base.types import Segments
from afina.data import batching
from afina.engine.contract import Callback, Progress
from afina.engine.loop import Loop, weights_held_in
from afina.inference.used_rows import used_rows
from afina.recipe import reading
from afina.run import prefixing, settling
from afina.run.execute import prepare
from afina.run.listener import Silent
from afina.run.prepared import Prepared
from against import stopwatch


class Timed:
    """A callback that takes the time after every step.

    Attributes:
        watch: Times taken.
        losses: Loss of each step, before its update.
    """

    priority = 0

    def __init__(self) -> None:
        self.watch = stopwatch.Stopwatch()
        self.losses: list[float] = []

    def step_done(self, progress: Progress) -> None:
        """Take the time."""
        self.watch.tick(progress.num_rows)
        self.losses.append(progress.loss)

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: there is nothing to survive."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take nothing back."""


def ready(recipe: Mapping[str, Any], threads: int) -> Prepared:
    """Return a run ready for its first step."""
    return prepare(reading.from_keywords(recipe), threads=threads)


def train(prepared: Prepared, callback: Callback, plan: batching.Plan | None = None) -> None:
    """Train a prepared run; `plan` replaces its order of the rows."""
    seeds.seed_everything(prepared.resolved.recipe.seed)
    with used_rows(prepared.model, settling.tokens_in_training(prepared.gathered)):
        material = prepared.material()
        if plan is not None:
            material = replace(material, plan=plan)
        loop = Loop(material, prepared.settings, [callback], prepared.processes, None)
        with weights_held_in(prepared.forward):
            loop.fit()


def whole(asked: dict[str, Any]) -> dict[str, Any]:
    """Train a whole run whose lowest part is frozen, its prefix cache empty, and return what it took to fill and train.

    Trying out whether the frozen part may be left out is timed too.
    """
    prepared = ready(asked["recipe"], asked["threads"])
    prepared.forward.compute_all()
    begun = stopwatch.now()
    prepared.forward.leave_out(prepared.report.frozen_blocks, prepared.report.names)
    tried = stopwatch.now()
    prepared = prefixing.filled(prepared, Silent())
    filled = stopwatch.now()
    timed = Timed()
    train(prepared, timed)
    ended = stopwatch.now()
    rows = timed.watch.rows
    return {
        **{f"{name}_s": end - start for name, (start, _), (end, _) in _parts(begun, tried, filled, ended)},
        **{f"{name}_cpu_s": end - start for name, (_, start), (_, end) in _parts(begun, tried, filled, ended)},
        "rate": rows / (ended[0] - begun[0]),
        "cpu_rate": rows / (ended[1] - begun[1]),
        "step_ms": 1000 * (ended[0] - filled[0]) / len(timed.losses),
        "steps": len(timed.losses),
        "loss": sum(timed.losses[-20:]) / len(timed.losses[-20:]),
        "is_cached": prepared.forward.prefix is not None,
        "accuracy": _accuracy(prepared, asked["rows"].replace("rows.npz", "test.npz")),
    }


def leave_rows(segments: Sequence[Segments], path: str) -> None:
    """Write encoded rows for the peer."""
    assert all(len(segment.documents) == 1 for segment in segments)
    documents = [segment.documents[0] for segment in segments]
    np.savez(
        path,
        tokens=np.concatenate(documents),
        lengths=np.asarray([len(document) for document in documents]),
        labels=np.asarray([segment.target for segment in segments]),
    )


def _parts(*moments: tuple[float, float]) -> Iterator[tuple[str, tuple[float, float], tuple[float, float]]]:
    yield from zip(("try", "fill", "train"), moments, moments[1:], strict=False)


def _accuracy(prepared: Prepared, leave: str) -> float | None:
    """Return the accuracy on test rows, which the recipe may lack, and leave them for the peer."""
    gathered = prepared.gathered
    if not gathered.splits.test:
        return None
    leave_rows(gathered.segments["test"], leave)
    predictions = prepared.forward.predict(gathered.task, gathered.segments["test"])
    return float(gathered.task.score(predictions, gathered.task.references(gathered.splits.test))["accuracy"])


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Train as asked, and return the rate."""
    if asked.get("whole"):
        return whole(asked)
    timed = Timed()
    prepared = ready(asked["recipe"], asked["threads"])
    train(prepared, timed)
    return {**timed.watch.rates(asked["dropped_steps"]), "loss": timed.losses[-1]}


if __name__ == "__main__":
    stopwatch.answer(main)
