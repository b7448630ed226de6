"""Kill a run with `kill -9` at random moments, resume it, and compare its weights bit by bit with a run left alone.

    python -m benchmarks.kill            20 runs, some killed twice; then the negative controls; about five minutes
    python -m benchmarks.kill --kills 4 --seed 7 --fresh

Every run trains the same tiny random BERT with dropout, one thread, a checkpoint every 5 steps. The moments are drawn:
anywhere in the run, while it trains, inside the writing of a checkpoint, before the first checkpoint, and while the
result is compared and shipped. Then come the controls, since a proof must be able to fail: a resume that leaves out the
optimiser, the schedule's place, the random state or the place in the data has to end with other weights, and a
checkpoint that lacks a file has to be passed over. Prints a table and, last, one JSON line.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.victim import Forked, Fresh, InTurn, Process, make, recipe

CONTROLS = ("optimizer", "schedule", "rng", "source")
"""Parts of a checkpoint without which a run must not end as if nothing had happened."""
MODES = ("any", "training", "checkpoint", "early", "training", "checkpoint", "closing")
"""Where the moment of a kill is drawn from, run by run."""

# -- moments -----------------------------------------------------------------------------------------------------------


@dataclass
class Timeline:
    """How long the parts of a run take that is left alone, in seconds from the moment its folder appears."""

    training: float
    closing: float
    end: float


@dataclass
class Run:
    """A run under attack.

    Attributes:
        folder: Its folder.
        log: What it printed.
        start: Starts `afina`.
        phases: Where each kill found it.
        steps: Its newest checkpoint after each.
    """

    folder: Path
    log: Path
    start: Callable[..., Process]
    phases: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def attack(self, words: Sequence[str], mode: str, draw: random.Random, times: Timeline) -> None:
        """Start it, wait for a moment drawn as `mode` says, and kill it unless it has ended by then.

        `asked` is Ctrl-C instead, while it trains: the run saves its step and ends by itself.
        """
        begun = _count(self.folder, "fit_start")
        process = self.start(words, self.log)
        _until(process, lambda: (self.folder / "status.json").exists())
        if mode in ("training", "closing", "checkpoint", "asked"):
            _until(process, lambda: _count(self.folder, "fit_start") > begun)
        if mode == "closing":
            _until(process, lambda: _last_kind(self.folder) in ("fit_end", "note"))
        spans = {"any": times.end, "early": 1.3 * times.training, "closing": times.end - times.closing}
        time.sleep(draw.uniform(0, spans.get(mode, times.closing - times.training)))
        if mode == "checkpoint":
            # Between the making of the folder aside and its renaming lie a dozen of writes and flushes.
            _until(process, lambda: _is_saving(self.folder))
            time.sleep(draw.uniform(0, 0.004))
        if process.poll() is None:
            process.send_signal(signal.SIGINT if mode == "asked" else signal.SIGKILL)
            _until(process, lambda: False)
            self.phases.append(_phase(self.folder))
            self.steps.append(max(_steps(self.folder), default=0))

    def finish(self, words: Sequence[str], leave_out: str = "") -> int:
        """Carry it to its end, and return the exit code."""
        process = self.start(words, self.log, leave_out)
        _until(process, lambda: False)
        return process.poll() or 0

    def train_on(self, words: Sequence[str], leave_out: str = "") -> None:
        """Carry it to the end of its training, and kill it there: comparing and shipping say nothing new."""
        ended = _count(self.folder, "fit_end")
        process = self.start(words, self.log, leave_out)
        _until(process, lambda: _count(self.folder, "fit_end") > ended)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        _until(process, lambda: False)


def weights(folder: Path) -> tuple[str, ...]:
    """Return the digests of the weights that a run ships (if it has yet) and of those in its last checkpoint."""
    files = [*sorted((folder / "model").glob("*.safetensors")), _newest(folder) / "model.safetensors"]
    return tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def timeline(folder: Path, start: Callable[..., Process]) -> Timeline:
    """Train the run that is left alone, and return how long its parts took."""
    process = start(recipe(folder, "alone"), folder / "alone.log")
    run = folder / "runs" / "alone"
    _until(process, lambda: (run / "status.json").exists())
    begun = time.monotonic()
    _until(process, lambda: _count(run, "fit_start") > 0)
    training = time.monotonic() - begun
    _until(process, lambda: _count(run, "fit_end") > 0)
    closing = time.monotonic() - begun
    _until(process, lambda: False)
    if process.poll() != 0:
        raise SystemExit((folder / "alone.log").read_text(encoding="utf-8"))
    return Timeline(training, closing, time.monotonic() - begun)


def _until(process: Process, happened: Callable[[], bool]) -> None:
    while process.poll() is None and not happened():
        time.sleep(0.001)


def _count(folder: Path, kind: str) -> int:
    with contextlib.suppress(FileNotFoundError):
        return (folder / "events.jsonl").read_bytes().count(f'"kind": "{kind}"'.encode())
    return 0


def _last_kind(folder: Path) -> str:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return next((event["kind"] for line in reversed(lines) if (event := _parsed(line))), "")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # the line that a kill tore


def _is_saving(folder: Path) -> bool:
    return any((folder / "checkpoints").glob(".step-*.tmp"))


def _steps(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("step-")) for path in (folder / "checkpoints").glob("step-*")]


def _newest(folder: Path) -> Path:
    return folder / "checkpoints" / f"step-{max(_steps(folder)):06d}"


def _phase(folder: Path) -> str:
    if _is_saving(folder):
        return "inside a checkpoint"
    if not (folder / "events.jsonl").exists():
        return "before training"
    if _last_kind(folder) in ("fit_end", "note"):
        return "comparing, shipping"
    return "training" if _steps(folder) else "before the first checkpoint"


# -- the proof ---------------------------------------------------------------------------------------------------------


def killed(
    folder: Path, start: Callable[..., Process], modes: Sequence[str], draw: random.Random, times: Timeline
) -> Run:
    """Begin a run, kill it once per mode, carry it to its end, and return it."""
    name = f"run-{len(list(folder.glob('run-*.yaml'))):02d}"
    train = recipe(folder, name)
    run = Run(folder / "runs" / name, folder / f"{name}.log", start)
    resume = ["resume", str(run.folder)]
    for number, mode in enumerate(modes):
        run.attack(resume if number else train, mode, draw, times)
    if not run.phases:
        return killed(folder, start, modes, draw, times)  # it had ended before its moment came
    if run.finish(resume) != 0:
        raise SystemExit(run.log.read_text(encoding="utf-8"))
    return run


def controls(folder: Path, start: Callable[..., Process], expected: str) -> dict[str, bool]:
    """Resume one half-trained run without each component, and say of each whether the last checkpoint then differs.

    Args:
        folder: Where the base and the rows lie.
        start: Starts `afina`.
        expected: Digest of the last checkpoint's weights of the run left alone.
    """
    half = Run(folder / "runs" / "half", folder / "half.log", start)
    process = start(recipe(folder, "half"), half.log)
    # Step 20 lies inside the second pass, so that a forgotten place in the data is another place.
    _until(process, lambda: 20 in _steps(half.folder))
    process.send_signal(signal.SIGKILL)
    _until(process, lambda: False)
    found = {}
    for part in ("", *CONTROLS):
        copy = Run(folder / "runs" / f"without-{part or 'nothing'}", folder / f"without-{part}.log", start)
        shutil.copytree(half.folder, copy.folder)
        copy.train_on(["resume", str(copy.folder)], part)
        found[part] = weights(copy.folder)[-1] != expected
    if found.pop(""):
        raise SystemExit("a resume that leaves nothing out must end with the same weights")
    return found


def refuses(folder: Path, start: Callable[..., Process], expected: str) -> bool:
    """Return whether a checkpoint without one of its files is passed over by name, and the end is the same."""
    run = Run(folder / "runs" / "torn", folder / "torn.log", start)
    shutil.copytree(folder / "runs" / "half", run.folder)
    broken = _newest(run.folder) / "optimizer.safetensors"
    broken.unlink()
    process = start(["resume", str(run.folder)], run.log)
    _until(process, lambda: _count(run.folder, "fit_end") > 0)
    process.send_signal(signal.SIGKILL)
    _until(process, lambda: False)
    return str(broken.parent) in run.log.read_text(encoding="utf-8") and weights(run.folder)[-1] == expected


def main() -> None:
    """Run the proof and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="runs that are killed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--fresh", action="store_true", help="a new interpreter for every run, instead of a fork")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        start = Fresh() if options.fresh else InTurn(*(Forked(hash_seed) for hash_seed in (1, 2, 3)))
        make(folder)
        begun = time.monotonic()
        times = timeline(folder, start)
        expected = weights(folder / "runs" / "alone")
        print(f"{'run':>3}  {'same':4}  {'killed while (newest checkpoint)'}")
        same = num_kills = 0
        for number in range(options.kills):
            modes = [MODES[number % len(MODES)], *([draw.choice(MODES)] if number % 2 else [])]
            run = killed(folder, start, modes, draw, times)
            is_same = weights(run.folder) == expected
            same += is_same
            num_kills += len(run.phases)
            met = ", then ".join(f"{phase} ({step})" for phase, step in zip(run.phases, run.steps, strict=True))
            print(f"{number + 1:>3}  {'yes' if is_same else 'NO':4}  {met}", flush=True)
        detected = controls(folder, start, expected[-1])
        for part, is_detected in detected.items():
            print(f"without {part:<10} {'other weights: detected' if is_detected else 'NOT DETECTED'}")
        is_refused = refuses(folder, start, expected[-1])
        print(f"checkpoint without a file: {'passed over, same weights' if is_refused else 'NOT REFUSED'}")
        result = {
            "runs": options.kills,
            "kills": num_kills,
            "identical": same,
            "detected": detected,
            "torn_checkpoint_refused": is_refused,
        }
        print(json.dumps({**result, "seconds": round(time.monotonic() - begun)}))
    sys.exit(0 if same == options.kills and all(detected.values()) and is_refused else 1)


if __name__ == "__main__":
    main()
