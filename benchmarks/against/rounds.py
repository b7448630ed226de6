"""Runs in processes of their own, the load that others put on the machine meanwhile, and ratios over rounds."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARK = "RESULT "
"""What the line that holds a run's answer begins with."""

MOST_LOAD = 0.5
"""Cores that others may use on average before figures are called noisy."""

MOST_SPREAD = 0.10
"""Share of the median by which the rounds of one side may lie apart before figures are called noisy."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run answered.

    Attributes:
        values: Its answer.
        load: Cores that others used meanwhile, on average.
        seconds: Wall time of the whole process.
    """

    values: Mapping[str, Any]
    load: float
    seconds: float


def run(module: str, asked: Mapping[str, Any], threads: int) -> Outcome:
    """Run `python -m module` on `asked` with so many threads and an empty cache, and return its answer.

    Raises:
        SystemExit: If it fails; what it wrote is shown.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "AFINA_CACHE": tempfile.mkdtemp(dir=asked.get("scratch")),
    }
    started, busy, own = time.perf_counter(), _busy_s(), _own_s()
    done = subprocess.run(
        [sys.executable, "-m", module, json.dumps({**asked, "threads": threads})],
        cwd=Path(__file__).parent.parent,
        env=environment,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    load = max(0.0, (_busy_s() - busy) - (_own_s() - own)) / seconds
    answers = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not answers:
        raise SystemExit(f"{module} failed:\n{done.stdout}\n{done.stderr}")
    return Outcome(json.loads(answers[-1].removeprefix(MARK)), load, seconds)


def median(outcomes: Sequence[Outcome], what: str) -> float:
    """Return the median of one value over rounds."""
    return statistics.median(outcome.values[what] for outcome in outcomes)


def ratio(ours: Sequence[Outcome], theirs: Sequence[Outcome], what: str) -> float:
    """Return the median over rounds of ours / theirs."""
    return statistics.median(our.values[what] / their.values[what] for our, their in zip(ours, theirs, strict=True))


def spread(outcomes: Sequence[Outcome], what: str) -> float:
    """Return how far the rounds lie apart, as a share of their median."""
    values = [outcome.values[what] for outcome in outcomes]
    return (max(values) - min(values)) / statistics.median(values)


def _busy_s() -> float:
    """Return the seconds that all cores have been busy since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]]
    idle = fields[3] + fields[4]
    # The last two repeat what `user` and `nice` already count.
    return (sum(fields[:8]) - idle) / _TICKS_PER_S


def _own_s() -> float:
    """Return the CPU seconds of this process and its finished children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
