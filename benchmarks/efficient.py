"""How fast and in how little memory Afina trains low-rank adapters, against PEFT in transformers' Trainer.

    python benchmarks/efficient.py [--data DATA] [--rounds 3] [--threads N] [--only CASE]

LoRA (rank 16, alpha 32, on every linear layer of the blocks) and QLoRA (the same on a base in NF4 with double
quantisation). Ours is the project's own road at its defaults. The peer is PEFT in `Trainer`, at its default (float32,
random batches) and tuned by hand (bfloat16, also for products with 4-bit weights, and its grouping by length). Both
sides begin with the same adapter and head, and share rows, base, dropout 0.1 in the base and none on the adapter's
inputs, AdamW, learning rate, schedule, clipping and 32 rows a step. The peer is spared gradient checkpointing, which
PEFT's `prepare_model_for_kbit_training` would switch on. The README beside this file says how to read the figures.

Exit status: 0; 1 if the sides do not compute the same; 2 if the machine was too busy for the figures to count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from against import rounds, workloads
from against.rounds import Outcome
from against.workloads import Workload

RANK, ALPHA = 16, 32
LEARNING_RATE = 5e-4
OURS = {"ours": {}, "ours-8": {"micro_batch_size": 8}}
"""Our settings, by what they add to the recipe's training section."""

RATED = ("default", "tuned")
"""Settings of the peer that ratios are made with."""

TARGETS = {"default": 3.0, "tuned": 1.3}
MEMORY_TARGET = 0.7
"""Ours by the peer's at its default."""

DROPPED_STEPS = 3
STEPS = {
    # As in encoder.py: random batches are all alike, grouped ones come in runs from long to short, ours at any length.
    "sst2": {"default": 16, "tuned": 100, "ours": 217},
    "c4": {"default": 12, "tuned": 62, "ours": 125},
}
"""Steps timed, after those dropped."""

CASES = tuple(f"{workload}-{kind}" for workload in STEPS for kind in ("lora", "qlora"))
VERSIONS = ("torch", "transformers", "peft", "bitsandbytes", "accelerate")


class Bench:
    """One case, measured.

    Args:
        name: Its name, of `CASES`.
        workload: What is trained.
        folder: Where files may be left.
        options: The command line.
    """

    def __init__(self, name: str, workload: Workload, folder: Path, options: argparse.Namespace) -> None:
        self.name = name
        self.workload = workload
        self.options = options
        self.kind = name.split("-")[1]
        self.asked: dict[str, Any] = {
            "rows": str(folder / "rows.npz"),
            "adapter": str(folder / "adapter"),
            "tokenizer": str(folder / "tokenizer"),
            "scratch": str(folder),
            "base": str(_folder_of(workload)),
            "num_labels": 2 if workload.name == "sst2" else workloads.NUM_CLASSES,
            "is_quantised": self.kind == "qlora",
            "dropout": workloads.DROPOUT,
            "learning_rate": LEARNING_RATE,
            "dropped_steps": DROPPED_STEPS,
        }
        self.outcomes: dict[str, list[Outcome]] = {}
        self.agreement: dict[str, Any] = {}

    def agree(self) -> None:
        """Find out whether both sides compute the same."""
        asked = {**self.asked, "recipe": self._recipe()}
        self.agreement = dict(rounds.run("against.low_rank_agreement", asked, self.options.threads).values)

    def round(self) -> Iterator[str]:
        """Run each side once, ours in the middle; yield a line after each."""
        for setting in ("default", "ours", "ours-8", "tuned"):
            outcome = self._run(setting)
            self.outcomes.setdefault(setting, []).append(outcome)
            values = outcome.values
            yield (
                f"{self.name:10} {setting:8} {values['rate']:7.1f}/s  cpu {values['cpu_rate']:6.1f}/s"
                f"  {values['rss_mib']:5.0f} MiB  loss {values['loss']:.3f}  others {outcome.load:.2f}"
                f"  {outcome.seconds:.0f} s"
            )

    def ratios(self, what: str) -> dict[str, float]:
        """Return ours / the peer's, for each setting of both."""
        return {
            f"{self.name}/{ours}/{other}": round(rounds.ratio(self.outcomes[ours], self.outcomes[other], what), 3)
            for ours in OURS
            for other in RATED
        }

    def table(self) -> Iterator[str]:
        """Yield a line for each side."""
        ours = self.outcomes["ours"]
        for setting, outcomes in self.outcomes.items():
            speed, memory = (rounds.ratio(ours, outcomes, what) for what in ("rate", "rss_mib"))
            yield (
                f"{self.name:10} {setting:8} {rounds.median(outcomes, 'rate'):9.1f}"
                f" {rounds.median(outcomes, 'cpu_rate'):9.1f} {speed:10.2f} {TARGETS.get(setting, '-'):>7}"
                f" {rounds.median(outcomes, 'rss_mib'):9.0f} {memory:10.2f} {rounds.spread(outcomes, 'rate'):8.0%}"
            )

    def _recipe(self, **training: Any) -> dict[str, Any]:
        tuning = {"kind": self.kind, "rank": RANK, "alpha": ALPHA}
        return self.workload.recipe(tuning=tuning, learning_rate=LEARNING_RATE, **training)

    def _run(self, setting: str) -> Outcome:
        side = "ours" if setting in OURS else setting
        steps = min(STEPS[self.workload.name][side], self.options.most_steps) + DROPPED_STEPS
        if setting in OURS:
            recipe = self._recipe(max_steps=steps, **OURS[setting])
            return rounds.run("against.ours", {**self.asked, "recipe": recipe}, self.options.threads)
        return rounds.run(
            "against.low_rank_peer", {**self.asked, "setting": setting, "steps": steps}, self.options.threads
        )


def main() -> int:
    """Measure, print the table and the line of JSON, and return the exit status."""
    options = _options()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        benches = list(_benches(options, Path(folder)))
        if not benches:
            print(json.dumps({"ratios": {}, "noisy": False}))
            return 0
        print("Both sides:", ", ".join(f"{name} {version(name)}" for name in VERSIONS), f"- {options.threads} threads")
        for bench in benches:
            bench.agree()
            print(f"{bench.name:10} agreement: {json.dumps(bench.agreement)}", flush=True)
        for number in range(options.rounds):
            for bench in benches:
                for line in bench.round():
                    print(f"round {number + 1}  {line}", flush=True)
    print(
        f"\n{'':19} {'rows/s':>9} {'/cpu-s':>9} {'ours/this':>10} {'target':>7} {'peak MiB':>9} {'ours/this':>10}"
        f" {'spread':>8}"
    )
    for bench in benches:
        print(*bench.table(), sep="\n")
    result = _result(benches, time.perf_counter() - started)
    for sentence in _doubts(result):
        print(sentence)
    print(json.dumps(result))
    return 1 if result["invalid"] else 2 if result["noisy"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=shared, help=f"folder that holds sst2_en (default: {shared})")
    parser.add_argument("--rounds", type=int, default=3, help="times that each side is run (default: 3)")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="threads of both sides (default: all cores)"
    )
    parser.add_argument(
        "--most-steps", type=int, default=1000, help="at most so many steps timed, to try it out quickly"
    )
    parser.add_argument("--only", choices=CASES, help="one case alone")
    return parser.parse_args()


def _benches(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    for name in [options.only] if options.only else CASES:
        own = folder / name
        own.mkdir()
        workload = workloads.make(name.split("-")[0], options.data, own)
        if isinstance(workload, str):
            print(workload)
        else:
            yield Bench(name, workload, own, options)


def _folder_of(workload: Workload) -> Path:
    """Return the folder of the base's files, for a peer that knows no built-in names."""
    from afina.models import sources
    from afina.recipe.schema import Base

    return Path(sources.locate(Base(name=workload.base)).folder)


def _result(benches: list[Bench], seconds: float) -> dict[str, Any]:
    outcomes = {f"{bench.name}/{setting}": runs for bench in benches for setting, runs in bench.outcomes.items()}
    spreads = {name: round(rounds.spread(runs, "rate"), 3) for name, runs in outcomes.items() if len(runs) > 1}
    load = statistics.mean(outcome.load for runs in outcomes.values() for outcome in runs)
    ratios = {name: value for bench in benches for name, value in bench.ratios("rate").items()}
    memory = {name: value for bench in benches for name, value in bench.ratios("rss_mib").items()}
    missed = [name for name, value in ratios.items() if value < TARGETS[name.split("/")[2]]]
    missed += [
        f"{name} memory" for name, value in memory.items() if name.endswith("/default") and value > MEMORY_TARGET
    ]
    return {
        "ratios": ratios,
        "memory_ratios": memory,
        "cpu_ratios": {name: value for bench in benches for name, value in bench.ratios("cpu_rate").items()},
        "missed": missed,
        "invalid": [bench.name for bench in benches if not bench.agreement["agree"]],
        "losses": {bench.name: bench.agreement for bench in benches},
        "rates": {name: round(rounds.median(runs, "rate"), 1) for name, runs in outcomes.items()},
        "rss": {name: rounds.median(runs, "rss_mib") for name, runs in outcomes.items()},
        "noisy": load > rounds.MOST_LOAD or any(value > rounds.MOST_SPREAD for value in spreads.values()),
        "load_of_others": round(load, 2),
        "spread": spreads,
        "rounds": max(len(runs) for runs in outcomes.values()),
        "versions": {name: version(name) for name in VERSIONS},
        "seconds": round(seconds),
    }


def _doubts(result: dict[str, Any]) -> Iterator[str]:
    if result["invalid"]:
        yield f"The sides do not compute the same; these ratios do not count: {', '.join(result['invalid'])}."
    if result["missed"]:
        yield f"Targets missed: {', '.join(result['missed'])}."
    if result["noisy"]:
        yield (
            f"Noisy: others used {result['load_of_others']} cores (at most {rounds.MOST_LOAD}), rounds lie up to"
            f" {max(result['spread'].values(), default=0):.0%} apart (at most {rounds.MOST_SPREAD:.0%})."
        )


if __name__ == "__main__":
    sys.exit(main())
