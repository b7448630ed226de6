"""How fast Afina trains an encoder, against transformers' Trainer: examples per second of the training steps alone.

    python benchmarks/encoder.py [--data DATA] [--rounds 3] [--threads N] [--only sst2|c4]

Ours is the project's own road at its defaults (bfloat16 where the CPU has it, rows of like length together). The peer
is run at its default, in bfloat16, in bfloat16 with its grouping by length, and, for the table alone, in bfloat16 on
batches of ideally like length. Both sides train every weight of the same model on the same rows, 32 at a time, with
dropout 0.1, AdamW, the same learning rate, schedule and clipping. The README beside this file says how to read the
figures.

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

RATED = ("default", "bf16", "grouped")
"""Settings of the peer that ratios are made with."""

DROPPED_STEPS = 3
STEPS = {
    # Random batches are all alike, so few will do. Grouped ones come in runs from the longest to the shortest, and
    # whole
    # runs are timed: 50 batches of sst2, 31 of c4. Ours come at any length: one whole pass is timed.
    "sst2": {"default": 16, "bf16": 16, "grouped": 100, "ideal": 72, "ours": 217},
    "c4": {"default": 12, "bf16": 12, "grouped": 62, "ideal": 62, "ours": 125},
}
"""Steps timed, after those dropped."""

VERSIONS = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


class Bench:
    """One workload, measured.

    Args:
        workload: What is trained.
        folder: Where files may be left.
        options: The command line.
    """

    def __init__(self, workload: Workload, folder: Path, options: argparse.Namespace) -> None:
        self.workload = workload
        self.threads = options.threads
        self.most_steps = options.most_steps
        self.asked = {
            "rows": str(folder / "rows.npz"),
            "start": str(folder / "start"),
            "tokenizer": str(folder / "tokenizer"),
            "scratch": str(folder),
            "dropped_steps": DROPPED_STEPS,
        }
        self.outcomes: dict[str, list[Outcome]] = {}
        self.agreement: dict[str, Any] = {}

    def agree(self) -> None:
        """Find out whether both sides compute the same."""
        recipe = self.workload.recipe()
        self.agreement = dict(rounds.run("against.agreement", {**self.asked, "recipe": recipe}, self.threads).values)

    def round(self, is_first: bool) -> Iterator[str]:
        """Run each side once, ours in the middle; yield a line after each."""
        for setting in ("default", "bf16", "ours", "grouped", *(("ideal",) if is_first else ())):
            outcome = self._run(setting)
            self.outcomes.setdefault(setting, []).append(outcome)
            values = outcome.values
            yield (
                f"{self.workload.name:5} {setting:8} {values['rate']:7.1f}/s  cpu {values['cpu_rate']:6.1f}/s"
                f"  loss {values['loss']:.3f}  others {outcome.load:.2f}  {outcome.seconds:.0f} s"
            )

    def ratios(self, what: str) -> dict[str, float]:
        """Return ours / the peer's by setting."""
        return {
            f"{self.workload.name}/{setting}": round(
                rounds.ratio(self.outcomes["ours"], self.outcomes[setting], what), 3
            )
            for setting in RATED
        }

    def table(self) -> Iterator[str]:
        """Yield a line for each side."""
        ours = self.outcomes["ours"]
        for setting, outcomes in self.outcomes.items():
            quotient = rounds.median(ours, "rate") / rounds.median(outcomes, "rate")
            shown = f"{quotient:10.2f}" if setting not in RATED else f"{self._ratio(setting):10.2f}"
            yield (
                f"{self.workload.name:5} {setting:8} {rounds.median(outcomes, 'rate'):9.1f}"
                f" {rounds.median(outcomes, 'cpu_rate'):9.1f} {shown} {rounds.median(outcomes, 'rss_mib'):9.0f}"
                f" {rounds.spread(outcomes, 'rate'):8.0%}"
            )

    def _ratio(self, setting: str) -> float:
        return rounds.ratio(self.outcomes["ours"], self.outcomes[setting], "rate")

    def _run(self, setting: str) -> Outcome:
        steps = min(STEPS[self.workload.name][setting], self.most_steps) + DROPPED_STEPS
        if setting == "ours":
            asked = {**self.asked, "recipe": self.workload.recipe(max_steps=steps)}
            return rounds.run("against.ours", asked, self.threads)
        return rounds.run("against.peer", {**self.asked, "setting": setting, "steps": steps}, self.threads)


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
            print(f"{bench.workload.name:5} agreement: {json.dumps(bench.agreement)}", flush=True)
        for number in range(options.rounds):
            for bench in benches:
                for line in bench.round(is_first=number == 0):
                    print(f"round {number + 1}  {line}", flush=True)
    print(f"\n{'':14} {'rows/s':>9} {'/cpu-s':>9} {'ours/this':>10} {'peak MiB':>9} {'spread':>8}")
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
    parser.add_argument("--only", choices=sorted(STEPS), help="one workload alone")
    return parser.parse_args()


def _benches(options: argparse.Namespace, folder: Path) -> Iterator[Bench]:
    for name in [options.only] if options.only else STEPS:
        own = folder / name
        own.mkdir()
        workload = workloads.make(name, options.data, own)
        if isinstance(workload, str):
            print(workload)
        else:
            yield Bench(workload, own, options)


def _result(benches: list[Bench], seconds: float) -> dict[str, Any]:
    outcomes = {
        f"{bench.workload.name}/{setting}": runs for bench in benches for setting, runs in bench.outcomes.items()
    }
    spreads = {name: round(rounds.spread(runs, "rate"), 3) for name, runs in outcomes.items() if len(runs) > 1}
    load = statistics.mean(outcome.load for runs in outcomes.values() for outcome in runs)
    ratios = {name: value for bench in benches for name, value in bench.ratios("rate").items()}
    invalid = [
        name
        for name in ratios
        for bench in benches
        if name.startswith(bench.workload.name) and not bench.agreement["agree"]
    ]
    return {
        "ratios": ratios,
        "cpu_ratios": {name: value for bench in benches for name, value in bench.ratios("cpu_rate").items()},
        "invalid": invalid,
        "losses": {bench.workload.name: bench.agreement for bench in benches},
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
    if result["noisy"]:
        yield (
            f"Noisy: others used {result['load_of_others']} cores (at most {rounds.MOST_LOAD}), rounds lie up to"
            f" {max(result['spread'].values(), default=0):.0%} apart (at most {rounds.MOST_SPREAD:.0%})."
        )


if __name__ == "__main__":
    sys.exit(main())
