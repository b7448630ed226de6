"""The process in which runs are carried: `python -m afina.regimes.compare.worker`, started by `launching`.

It imports everything once, reads one job per line from its input, and forks a process for each: a fresh one, without
the seconds that imports take, whose peak memory is the run's own (a process that is started anew is charged with the
peak of whoever started it, a forked one begins at what it holds). What happens is told as one JSON object per line.
The input stays open as long as somebody wants the work: when it ends, because whoever asked was killed, the work ends
on the spot. What is on the disk is whole, and a later command goes on from it.

Jobs: {"do": "plan", "recipe": text, "folder": path} and {"do": "train", "recipe": text, "run": path}, both with
"language" and "command".
Events: ready, began {pid}, stage, remark and warning {sentence}, step {step, num_steps}, shared {keys, filled_bytes},
planned {...}, refused {error, exit_code}, ended {code}.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afina.base.errors import AfinaError
from afina.base.messages import set_language
from afina.engine.contract import Progress
from afina.inference import prefix_folder
from afina.planning.span import ZERO
from afina.recipe.resolved import Resolved
from afina.regimes.compare.schedule import Planned, middle
from afina.run import execute, python
from afina.run.folder import RunFolder
from afina.run.listener import Silent
from afina.run.planning_of import planning_of
from afina.run.prepared import Prepared
from afina.run.signals import Interrupted

LEFT = 137
"""Exit code of work that nobody waits for any more."""

_STEP_EVERY_S = 0.2

Tell = Callable[..., None]
"""Takes an event's name and its fields."""


def serve() -> int:
    """Do the jobs that come, until no more can come."""
    tell = _teller(os.fdopen(os.dup(1), "wb", buffering=0))
    os.dup2(2, 1)  # whatever a library prints must not be taken for an event
    tell("ready")
    while line := _line():
        job = json.loads(line)
        if sys.platform != "linux":  # elsewhere system libraries do not survive a fork; the next job gets a new process
            tell("ended", code=_guarded(job, tell))
            return 0
        child = os.fork()
        if child == 0:
            os._exit(_guarded(job, tell))
        _, status = os.waitpid(child, 0)
        tell("ended", code=os.waitstatus_to_exitcode(status))
    return 0


def plan(job: Mapping[str, Any]) -> Planned:
    """Return what a run of the job's recipe would take.

    Raises:
        AfinaError: Whatever would refuse the run.
    """
    started = time.monotonic()
    prepared = execute.prepare(Resolved.load(job["recipe"]))
    loading_s = time.monotonic() - started
    planned = planning_of(prepared, Path(job["folder"]))
    planned.require()
    training, total = planned.training_s, planned.total_s
    other_s, fill_s = loading_s, 0.0
    if training is not None and total is not None:
        filling = planned.frozen.fill_s if planned.frozen is not None else None
        filling = filling or ZERO
        other_s += middle(total.low - training.low - filling.low, total.high - training.high - filling.high)
        fill_s = middle(filling.low, filling.high)
    rows = prepared.gathered.splits
    return Planned(
        num_steps=planned.steps.num_steps,
        steps_per_epoch=planned.steps.steps_per_epoch,
        learning_rate=float(prepared.resolved.recipe.training.learning_rate),
        training_s=None if training is None else middle(training.low, training.high),
        other_s=other_s,
        num_test=len(rows.test),
        test_rows=test_rows(prepared),
        has_validation=bool(rows.validation),
        fingerprints=dict(prepared.gathered.fingerprints),
        fill_s=fill_s,
    )


def test_rows(prepared: Prepared) -> str:
    """Return a digest of the rows that judge and of what is asked of them; equal where answers can be compared."""
    task, rows = prepared.gathered.task, prepared.gathered.splits.test
    digest = hashlib.sha256(json.dumps([task.head.problem, list(task.head.labels)]).encode())
    for row, answer in zip(rows, task.names(task.references(rows)), strict=True):
        digest.update(json.dumps([task.text_of(row), answer]).encode())
    return digest.hexdigest()


def train(job: Mapping[str, Any], tell: Tell) -> None:
    """Carry the job's run to its end, from where it stands.

    Raises:
        AfinaError: If it is refused or fails.
        Interrupted: If it was asked to stop.
    """
    run = RunFolder(Path(job["run"]))
    callbacks, listener = [*python.callbacks(False), Steps(tell)], Speaking(tell)
    began, before = time.time(), _kept_bytes()
    try:
        if run.is_run:
            python.resume(run, callbacks, listener=listener)
        else:
            python.begin(Resolved.load(job["recipe"]), callbacks, listener=listener)
    finally:
        used = [one.key for one in prefix_folder.kept() if one.used >= began]
        if used:
            now = _kept_bytes()
            tell("shared", keys=used, filled_bytes=sum(max(0, now[key] - before.get(key, 0)) for key in used))


class Speaking(Silent):
    """Passes on what a run says.

    Args:
        tell: Where to.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def stage(self, sentence: str) -> None:
        """Pass it on."""
        self._tell("stage", sentence=sentence)

    def began(self, prepared: Prepared) -> None:
        """Pass on what the run must say of how it works."""
        for note in prepared.forward.notes:
            self._tell("remark", sentence=note)

    def remark(self, sentence: str) -> None:
        """Pass it on."""
        self._tell("remark", sentence=sentence)

    def warning(self, sentence: str) -> None:
        """Pass it on."""
        self._tell("warning", sentence=sentence)


@dataclass
class Steps:
    """A callback that tells how far the loop is, a few times a second.

    Attributes:
        tell: Where to.
    """

    tell: Tell
    priority: int = 96
    _last: float = 0.0

    def fit_start(self, progress: Progress) -> None:
        """Tell where it starts."""
        self.tell("step", step=progress.step, num_steps=progress.num_steps)

    def step_done(self, progress: Progress) -> None:
        """Tell, if the last time is a while ago."""
        now = time.monotonic()
        if now - self._last >= _STEP_EVERY_S:
            self._last = now
            self.tell("step", step=progress.step, num_steps=progress.num_steps)

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: what was told was told."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


def _kept_bytes() -> dict[str, int]:
    """Return the bytes of numbers that the prefix cache holds, by key; its bookkeeping changes with every use."""
    files = prefix_folder.root().glob(f"*/*{prefix_folder.PIECE}")
    sizes: dict[str, int] = {one.key: 0 for one in prefix_folder.kept()}
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # it gave way to something newer meanwhile
            sizes[file.parent.name] = sizes.get(file.parent.name, 0) + file.stat().st_size
    return sizes


def _guarded(job: Mapping[str, Any], tell: Tell) -> int:
    try:
        _work(job, tell)
    except Interrupted as request:
        return request.exit_code
    except KeyboardInterrupt:
        return 130
    except AfinaError as error:
        tell("refused", error=error.as_dict(), exit_code=error.exit_code)
        return error.exit_code
    except BaseException:  # noqa: BLE001  the boundary of a process: it ends here, and says why
        traceback.print_exc()
        return 1
    return 0


def _work(job: Mapping[str, Any], tell: Tell) -> None:
    tell("began", pid=os.getpid())  # said by the job itself: two who write at once would tear each other's lines
    threading.Thread(target=_end_with_whoever_asked, daemon=True).start()
    set_language(job["language"])
    sys.argv = ["afina", *job["command"]]  # what the run writes down as the command that made it
    if job["do"] == "plan":
        tell("planned", **plan(job).to_dict())
    else:
        train(job, tell)


def _end_with_whoever_asked() -> None:
    # While a job runs nothing is sent, so that this returns only when the other end is gone.
    os.read(0, 1)
    os._exit(LEFT)


def _line() -> bytes:
    """Return the next line of the input, byte by byte: what follows it belongs to nobody yet."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        line += byte
    return line


def _teller(stream: Any) -> Tell:
    def tell(event: str, **fields: Any) -> None:
        stream.write((json.dumps({"event": event, **fields}, default=str) + "\n").encode())

    return tell


if __name__ == "__main__":
    sys.exit(serve())
