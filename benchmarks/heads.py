"""How much faster a search over heads is when its trials are trained together, on features computed once.

    python benchmarks/heads.py [--rounds 3] [--threads N] [--most-runs 2]

16 configurations of `tuning: head` (4 learning rates, 2 weight decays, 2 seeds), 3 epochs each, on 320 random texts and
a random BERT-like encoder (14M weights), dropout 0.1:

    together    features once, then all heads as one batched product
    cached      features once, then the ordinary loop 16 times, reading them from the prefix cache
    alone       the ordinary loop 16 times, computing the encoder at every step, rows of like length together

each in float32 and with the encoder in bfloat16; ratios are to `together, bfloat16`, what a CPU with native bfloat16
takes by default.

Of `alone`, `--most-runs` configurations are run, and the rest reckoned from their mean. CPU seconds of the
process; imports, loading and evaluation are left out, computing the features is counted. The last line is JSON.

Exit status: 0; 1 if a head trained together is not the one trained alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import torch
from against import workloads

from afina.base import registry, seeds
from afina.data import batching
from afina.engine.heads import Head, Terms, Trial, fit_heads
from afina.engine.loop import Loop, weights_held_in
from afina.engine.material import Material
from afina.models.contract import PooledHead
from afina.recipe import reading
from afina.run import execute, machine
from afina.run.prepared import Prepared

NUM_ROWS, EPOCHS = 320, 3.0
RATES, DECAYS, SEEDS = (1e-3, 3e-3, 1e-2, 3e-2), (0.0, 0.01), (0, 1)
SAME = 1e-5
"""Largest difference between a head trained together and alone, relative to its length, in float32."""

OURS = "together, bfloat16"
TARGETS = {"alone, float32": 100.0, "alone, bfloat16": 40.0}


class Search:
    """The configurations, and the ways to train them.

    Args:
        folder: Where files may be left.
        precision: What the ordinary loop computes in.
    """

    def __init__(self, folder: Path, precision: str) -> None:
        workload = workloads.make("c4", folder, folder)
        assert not isinstance(workload, str), workload
        rows = folder / "few.jsonl"
        rows.write_text("".join(workload.rows.read_text("utf-8").splitlines(keepends=True)[:NUM_ROWS]), "utf-8")
        recipe = replace(workload, rows=rows).recipe(
            tuning={"kind": "head"}, epochs=EPOCHS, precision=precision, prefix_cache="off"
        )
        recipe["task"] = {"kind": "text-classification", "pooling": "mean"}
        self.prepared: Prepared = execute.prepare(reading.from_keywords(recipe))
        self.segments = self.prepared.gathered.segments["train"]
        lengths = self.prepared.plan.lengths
        self.trials = [
            Trial(seed, rate, decay, EPOCHS, batching.Plan(lengths, workloads.BATCH_ROWS, seed))
            for rate, decay, seed in product(RATES, DECAYS, SEEDS)
        ]

    def together(self) -> list[Head]:
        """Return the heads of all trials, trained at once."""
        prepared, gathered = self.prepared, self.prepared.gathered
        features = torch.from_numpy(prepared.forward.features(gathered.task, self.segments))
        targets = batching.targets(self.segments, gathered.task.target_kind)
        assert targets is not None, "the rows have labels"
        material = prepared.material()
        terms = Terms(
            num_outputs=len(gathered.task.head.labels),
            target_kind=gathered.task.target_kind,
            objective=material.objective,
            schedule=material.schedule,
            dropout=workloads.DROPOUT,
            max_gradient_norm=prepared.settings.max_gradient_norm,
        )
        return fit_heads(features, targets, self.trials, terms)

    def cached(self) -> list[Head]:
        """Return the same heads, each from a run of its own on the prefix cache."""
        forward, report = self.prepared.forward, self.prepared.report
        why_not = forward.leave_out(report.frozen_blocks, report.names)
        assert not why_not, why_not
        prefix = forward.prefix
        assert prefix is not None, "it was just made"
        try:
            prefix.fill(prefix.missing(self.segments))
            prefix.store.look()
            attached = prefix.attach(self.segments)
            return [self._alone(trial, attached) for trial in self.trials]
        finally:
            forward.compute_all()

    def uncached(self, num_runs: int) -> list[Head]:
        """Return the heads of the first `num_runs` trials, each from a run of its own that computes everything."""
        return [self._alone(trial, self.segments) for trial in self.trials[:num_runs]]

    def _alone(self, trial: Trial, segments: Sequence[Any]) -> Head:
        prepared, linear = self.prepared, self.prepared.model.head.linear  # type: ignore[union-attr]
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(trial.seed)
            fresh = PooledHead(linear.in_features, linear.out_features, 0.0).linear
            linear.weight.copy_(fresh.weight)
            linear.bias.copy_(fresh.bias)
        config = registry.config("engine.optimizers", "adamw")(weight_decay=trial.weight_decay)
        material: Material = replace(
            prepared.material(),
            segments=segments,
            plan=trial.plan,
            optimizer=registry.build("engine.optimizers", config),
        )
        settings = replace(prepared.settings, learning_rate=trial.learning_rate, num_steps=trial.num_steps)
        seeds.seed_everything(trial.seed)
        with weights_held_in(prepared.forward):
            Loop(material, settings, [], prepared.processes, None).fit()
        return Head(linear.weight.detach().clone(), linear.bias.detach().clone())


def main() -> int:
    """Measure, print a line for each way and the line of JSON, and return the exit status."""
    options = _options()
    machine.set_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        found, difference = _measured(Path(folder), options)
    middle = {way: statistics.median(seconds) for way, seconds in found.items()}
    ratios = {way: round(seconds / middle[OURS], 1) for way, seconds in middle.items()}
    for way, seconds in middle.items():
        print(f"{way:20} {seconds:8.3f} CPU-s   {ratios[way]:6.1f} times as long   target {TARGETS.get(way, '-')}")
    print(f"a head together and alone differ by {difference:.1e} of its length at most")
    print(json.dumps({"ratios": ratios, "targets": TARGETS, "cpu_s": middle, "difference": difference}))
    return int(difference > SAME)


def _measured(folder: Path, options: argparse.Namespace) -> tuple[dict[str, list[float]], float]:
    """Return the CPU seconds of each way, round by round, and the largest difference between two ways' heads."""
    searches = {}
    for precision in ("float32", "bfloat16"):
        (folder / precision).mkdir()
        searches[precision] = Search(folder / precision, precision)
    difference, share = 0.0, len(searches["float32"].trials) / options.most_runs
    found: dict[str, list[float]] = {}
    for number, (precision, search) in product(range(options.rounds + 1), searches.items()):
        os.environ["AFINA_CACHE"] = str(folder / f"cache {number} {precision}")
        with _timed(found, f"together, {precision}", number):
            together = search.together()
        with _timed(found, f"cached, {precision}", number):
            cached = search.cached()
        alone: list[Head] = []
        if number:
            with _timed(found, f"alone, {precision}", number, share):
                alone = search.uncached(options.most_runs)
        if precision == "float32":
            others = [*zip(together, cached, strict=True), *zip(together, alone, strict=False)]
            difference = max(difference, *(_difference(one, other) for one, other in others))
    return found, difference


@contextmanager
def _timed(found: dict[str, list[float]], way: str, number: int, share: float = 1.0) -> Iterator[None]:
    """Note the CPU seconds of what is done inside; round 0 only warms up."""
    clock: Callable[[], float] = time.process_time
    began = clock()
    yield
    if number:
        found.setdefault(way, []).append((clock() - began) * share)
        print(f"round {number}  {way:20} {found[way][-1]:8.3f} CPU-s", flush=True)


def _difference(one: Head, other: Head) -> float:
    wanted, got = (torch.cat([head.weight.flatten(), head.bias]) for head in (other, one))
    return float((got - wanted).norm() / wanted.norm())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="times that each way is run (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of all ways (default: 1)")
    parser.add_argument("--most-runs", type=int, default=2, help="uncached runs that are really run (default: 2 of 16)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
