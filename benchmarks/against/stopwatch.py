"""Times of steps, and how a run in a process of its own answers."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from against.rounds import MARK


def now() -> tuple[float, float]:
    """Return wall and CPU seconds."""
    return time.perf_counter(), time.process_time()


class Stopwatch:
    """Wall and CPU time, and rows trained on, at the end of each step."""

    def __init__(self) -> None:
        self._times: list[tuple[float, float, int]] = []

    @property
    def rows(self) -> int:
        """Rows trained on in all."""
        return self._times[-1][2]

    def tick(self, rows: int) -> None:
        """Take the time after so many rows in all."""
        self._times.append((*now(), rows))

    def rates(self, dropped_steps: int) -> dict[str, float]:
        """Return examples per wall second and per CPU second over the steps after the dropped ones, and those steps."""
        (wall, cpu, rows), (end_wall, end_cpu, end_rows) = self._times[dropped_steps - 1], self._times[-1]
        done = end_rows - rows
        steps = len(self._times) - dropped_steps
        return {"rate": done / (end_wall - wall), "cpu_rate": done / (end_cpu - cpu), "steps": steps}


def answer(main: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Call `main` with the JSON of the command line, and print what it returns with the peak of memory in MiB."""
    result = main(json.loads(sys.argv[1]))
    result["rss_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(MARK + json.dumps(result), flush=True)
