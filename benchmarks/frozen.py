"""How much faster Afina trains a model whose lowest part is frozen, against transformers' Trainer with the same frozen.

    python benchmarks/frozen.py [--data DATA] [--rounds 3] [--threads N] [--only WORKLOAD] [--accuracy]

Ours is the project's own road: what the frozen part says is computed once, kept on the disk, and read in every epoch.
It is timed whole: trying out whether that is exact, filling an empty cache, and every epoch. The peer, in bfloat16,
computes it at every step, and takes as long for every epoch: some of its steps are timed, and its rate is theirs.
Imports, loading, evaluation and reports are left out on both sides. Dropout is off in a frozen part on both sides, and
0.1 above it. The README beside this file says how to read the figures.

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
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from against import rounds, workloads
from against.rounds import Outcome
from against.workloads import Workload

HEAD = {"kind": "head"}
LAST_TWO = {"kind": "last-blocks", "num_blocks": 2}
HEAD_RATE, BLOCKS_RATE = 1e-2, 5e-5
SETTINGS = ("bf16", "ideal")
"""The peer's: random batches, its default; and, by hand, batches of ideally like length."""

DROPPED_STEPS = 3
STEPS = {"bf16": 24, "ideal": 72}
"""Steps of the peer timed, after those dropped."""

VERSIONS = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class Case:
    """One frozen model to train.

    Attributes:
        name: Its name.
        workload: `sst2` or `c4`: the base and the rows.
        tuning: What moves.
        epochs: Passes over the rows.
        learning_rate: At the first step; it falls in a straight line.
        targets: What the ratio to each of the peer's settings should reach.
    """

    name: str
    workload: str
    tuning: dict[str, Any]
    epochs: float
    learning_rate: float
    targets: dict[str, float]

    def recipe(self, workload: Workload, **data: Any) -> dict[str, Any]:
        """Return our side's recipe."""
        recipe = workload.recipe(
            tuning=self.tuning, epochs=self.epochs, learning_rate=self.learning_rate, prefix_cache="on"
        )
        recipe["data"].update(data)
        return recipe


CASES = (
    Case("sst2-head", "sst2", HEAD, 5.0, HEAD_RATE, {"bf16": 18.0}),
    Case("sst2-last-2", "sst2", LAST_TWO, 5.0, BLOCKS_RATE, {"bf16": 4.0}),
    Case("c5", "c4", LAST_TWO, 3.0, BLOCKS_RATE, {"bf16": 8.0, "ideal": 3.2}),
    Case("c6", "c4", HEAD, 10.0, HEAD_RATE, {"bf16": 40.0, "ideal": 15.0}),
)
"""What is measured; `c5` and `c6` are the workloads of that name of the studies."""


class Bench:
    """One case, measured.

    Args:
        case: The case.
        workload: Its base and rows.
        folder: Where files may be left.
        options: The command line.
    """

    def __init__(self, case: Case, workload: Workload, folder: Path, options: argparse.Namespace) -> None:
        self.case = case
        self.workload = workload
        self.options = options
        self.asked: dict[str, Any] = {
            "rows": str(folder / "rows.npz"),
            "start": str(folder / "start"),
            "tokenizer": str(folder / "tokenizer"),
            "scratch": str(folder),
            "dropped_steps": DROPPED_STEPS,
            "learning_rate": case.learning_rate,
        }
        self.outcomes: dict[str, list[Outcome]] = {}
        self.agreement: dict[str, Any] = {}
        self.accuracy: dict[str, float] = {}

    def agree(self) -> None:
        """Find out whether both sides compute the same."""
        asked = {**self.asked, "recipe": self.case.recipe(self.workload)}
        found = dict(rounds.run("against.agreement", asked, self.options.threads).values)
        self.asked["moving"] = found.pop("moving")
        self.agreement = found

    def round(self) -> Iterator[str]:
        """Run each side once, ours in the middle; yield a line after each."""
        for setting in ("bf16", "ours", "ideal"):
            outcome = self._run(setting)
            self.outcomes.setdefault(setting, []).append(outcome)
            yield f"{self.case.name:12} {setting:6} {_shown(outcome)}"

    def measure_accuracy(self, test: Path) -> None:
        """Train both sides to the end, and note their accuracy on test rows."""
        recipe = self.case.recipe(self.workload, test=str(test))
        ours = rounds.run("against.ours", {**self.asked, "recipe": recipe, "whole": True}, self.options.threads)
        steps = int(ours.values["steps"])
        asked = {**self.asked, "setting": "bf16", "steps": steps, "test": self.asked["rows"].replace("rows", "test")}
        theirs = rounds.run("against.peer", asked, self.options.threads)
        self.accuracy = {"ours": ours.values["accuracy"], "peer": theirs.values["accuracy"]}

    def ratios(self, what: str = "rate") -> dict[str, float]:
        """Return ours / the peer's by setting."""
        ours = self.outcomes["ours"]
        return {
            f"{self.case.name}/{setting}": round(rounds.ratio(ours, self.outcomes[setting], what), 2)
            for setting in SETTINGS
        }

    def table(self) -> Iterator[str]:
        """Yield a line for each side."""
        for setting, outcomes in self.outcomes.items():
            quotient = rounds.median(self.outcomes["ours"], "rate") / rounds.median(outcomes, "rate")
            target = self.case.targets.get(setting)
            yield (
                f"{self.case.name:12} {setting:6} {rounds.median(outcomes, 'rate'):9.1f}"
                f" {rounds.median(outcomes, 'cpu_rate'):9.1f} {quotient:10.2f} {target or '-':>7}"
                f" {rounds.median(outcomes, 'rss_mib'):9.0f} {rounds.spread(outcomes, 'rate'):8.0%}"
            )

    def _run(self, setting: str) -> Outcome:
        if setting == "ours":
            asked = {**self.asked, "recipe": self.case.recipe(self.workload), "whole": True}
            return rounds.run("against.ours", asked, self.options.threads)
        steps = min(STEPS[setting], self.options.most_steps) + DROPPED_STEPS
        return rounds.run("against.peer", {**self.asked, "setting": setting, "steps": steps}, self.options.threads)


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
            print(f"{bench.case.name:12} agreement: {json.dumps(bench.agreement)}", flush=True)
        for number in range(options.rounds):
            for bench in benches:
                for line in bench.round():
                    print(f"round {number + 1}  {line}", flush=True)
        if options.accuracy:
            for bench in benches:
                if bench.workload.name == "sst2":
                    bench.measure_accuracy(options.data / "sst2_en" / "dev.tsv")
                    print(f"{bench.case.name:12} accuracy: {json.dumps(bench.accuracy)}", flush=True)
    print(f"\n{'':19} {'rows/s':>9} {'/cpu-s':>9} {'ours/this':>10} {'target':>7} {'peak MiB':>9} {'spread':>8}")
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
        "--most-steps", type=int, default=1000, help="at most so many steps of the peer timed, to try it out quickly"
    )
    parser.add_argument("--only", choices=[case.name for case in CASES], help="one case alone")
    parser.add_argument("--accuracy", action="store_true", help="also train both to the end on sst2, and test them")
    return parser.parse_args()


def _benches(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    for case in CASES:
        if options.only in (None, case.name):
            own = folder / case.name
            own.mkdir()
            workload = workloads.make(case.workload, options.data, own)
            if isinstance(workload, str):
                print(workload)
            else:
                yield Bench(case, workload, own, options)


def _shown(outcome: Outcome) -> str:
    values = outcome.values
    parts = [f"{values['rate']:8.1f}/s  cpu {values['cpu_rate']:7.1f}/s  loss {values['loss']:.3f}"]
    if "fill_s" in values:
        parts.append(f"try {values['try_s']:.1f} s  fill {values['fill_s']:.1f} s  train {values['train_s']:.1f} s")
        parts.append(f"{values['step_ms']:.2f} ms a step")
    return "  ".join([*parts, f"others {outcome.load:.2f}", f"{outcome.seconds:.0f} s"])


def _result(benches: list[Bench], seconds: float) -> dict[str, Any]:
    outcomes = {f"{bench.case.name}/{setting}": runs for bench in benches for setting, runs in bench.outcomes.items()}
    spreads = {name: round(rounds.spread(runs, "rate"), 3) for name, runs in outcomes.items() if len(runs) > 1}
    load = statistics.mean(outcome.load for runs in outcomes.values() for outcome in runs)
    return {
        "ratios": {name: value for bench in benches for name, value in bench.ratios().items()},
        "cpu_ratios": {name: value for bench in benches for name, value in bench.ratios("cpu_rate").items()},
        "targets": {
            f"{bench.case.name}/{name}": goal for bench in benches for name, goal in bench.case.targets.items()
        },
        "invalid": [name for bench in benches for name in bench.ratios() if not bench.agreement["agree"]],
        "losses": {bench.case.name: bench.agreement for bench in benches},
        "accuracy": {bench.case.name: bench.accuracy for bench in benches if bench.accuracy},
        "rates": {name: round(rounds.median(runs, "rate"), 1) for name, runs in outcomes.items()},
        "step_ms": {bench.case.name: round(rounds.median(bench.outcomes["ours"], "step_ms"), 2) for bench in benches},
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
    if result["noisy"]:
        yield (
            f"Noisy: others used {result['load_of_others']} cores (at most {rounds.MOST_LOAD}), rounds lie up to"
            f" {max(result['spread'].values(), default=0):.0%} apart (at most {rounds.MOST_SPREAD:.0%})."
        )


if __name__ == "__main__":
    sys.exit(main())
