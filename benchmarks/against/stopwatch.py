"""Times of steps, and how a run in a process of its own answers."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from against.rounds import MARK
from against.workloads import BATCH_ROWS


class Stopwatch:
    """Wall and CPU time at the end of each step."""

    def __init__(self) -> None:
        self._times: list[tuple[float, float]] = []

    def tick(self) -> None:
        """Take the time."""
        self._times.append((time.perf_counter(), time.process_time()))

    def rates(self, dropped_steps: int) -> dict[str, float]:
        """Return examples per wall second and per CPU second over the steps after the dropped ones, and those steps."""
        (wall, cpu), (end_wall, end_cpu) = self._times[dropped_steps - 1], self._times[-1]
        steps = len(self._times) - dropped_steps
        rows = steps * BATCH_ROWS
        return {"rate": rows / (end_wall - wall), "cpu_rate": rows / (end_cpu - cpu), "steps": steps}


def answer(main: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Call `main` with the JSON of the command line, and print what it returns with the peak of memory in MiB."""
    result = main(json.loads(sys.argv[1]))
    result["rss_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(MARK + json.dumps(result), flush=True)
