"""Our side: the project's own road, from a recipe to the loop, without folder or judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from afina.base import seeds
from afina.data import batching
from afina.engine.contract import Callback, Progress
from afina.engine.loop import Loop, weights_held_in
from afina.inference.used_rows import used_rows
from afina.recipe import reading
from afina.run import settling
from afina.run.execute import prepare
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


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Train as asked, and return the rate."""
    timed = Timed()
    prepared = ready(asked["recipe"], asked["threads"])
    train(prepared, timed)
    return {**timed.watch.rates(asked["dropped_steps"]), "loss": timed.losses[-1]}


if __name__ == "__main__":
    stopwatch.answer(main)
