"""Trackers hear what the loop does: one callback tells all of them, and one that fails is let go.

The run folder is the truth. A mirror that breaks is said, and the run goes on without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from afina.base import durable
from afina.base.messages import say
from afina.engine.contract import Progress
from afina.engine.trackers.contract import Ending, Tracked, Tracker

FOLDER = "tracking"
"""Where, in a run's folder, trackers keep what they keep on this machine."""


@dataclass
class Mirrors:
    """The mirrors of one run, in the main process; a context, at whose end they are closed.

    Attributes:
        trackers: By kind.
        folder: The run's folder.
        parameters: Every value of the resolved recipe, by dotted path.
        remark: Says where a mirror is.
        warn: Says that one failed.
    """

    trackers: Mapping[str, Tracker]
    folder: Path
    parameters: Mapping[str, str]
    remark: Callable[[str], None]
    warn: Callable[[str], None]
    _open: dict[str, Tracker] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending: Ending = "finished"
        if kind is not None:
            ending = "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed"
        self._tell(lambda tracker: tracker.end(ending))
        self._open.clear()

    def begin(self, step: int) -> None:
        """Open every mirror, or go on with the one that an earlier process left.

        Args:
            step: Steps done.
        """
        names = _names(self.folder)
        for kind, tracker in self.trackers.items():
            run = Tracked(
                folder=self.folder,
                name=self.folder.absolute().name,
                parameters=self.parameters,
                store=self.folder / FOLDER / kind,
                known_as=names.get(kind, ""),
            )
            self._let(kind, tracker, lambda told, run=run: self._open_one(told, run, step))  # type: ignore[misc]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Mirror figures of a step."""
        self._tell(lambda tracker: tracker.log(step, values))

    def flush(self) -> None:
        """Let the mirrors hand everything to the disk."""
        self._tell(lambda tracker: tracker.flush())

    def conclude(self, values: Mapping[str, float], sentence: str) -> None:
        """Mirror what came out.

        Args:
            values: Figures of the final comparison, by name.
            sentence: The verdict.
        """
        self._tell(lambda tracker: tracker.conclude(values, sentence))

    def _open_one(self, tracker: Tracker, run: Tracked, step: int) -> None:
        known_as = tracker.begin(run, step)
        self._open[run.store.name] = tracker
        if known_as != run.known_as:
            durable.write_json(_names_file(self.folder), {**_names(self.folder), run.store.name: known_as})
        self.remark(say("Mirrored: {command}", command=tracker.command))

    def _tell(self, what: Callable[[Tracker], None]) -> None:
        for kind, tracker in list(self._open.items()):
            self._let(kind, tracker, what)

    def _let(self, kind: str, tracker: Tracker, act: Callable[[Tracker], None]) -> None:
        """Let a tracker act; one that fails is heard no more."""
        try:
            act(tracker)
        except tracker.failures as error:
            self._open.pop(kind, None)
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            self.warn(say("{kind} failed; the run goes on without it: {reason}", kind=kind, reason=reason))


@dataclass
class Tracking:
    """A callback that tells the mirrors what happens.

    Attributes:
        mirrors: The mirrors.
    """

    mirrors: Mirrors
    priority: int = 92

    def fit_start(self, progress: Progress) -> None:
        """Open the mirrors."""
        self.mirrors.begin(progress.step)

    def step_done(self, progress: Progress) -> None:
        """Mirror the step's figures."""
        values = {
            "train/loss": progress.loss,
            "train/learning_rate": progress.learning_rate,
            "train/gradient_norm": progress.gradient_norm,
            "train/epoch": progress.epoch,
        }
        self.mirrors.log(progress.step, values)

    def evaluate_done(self, progress: Progress) -> None:
        """Mirror what validation rows said."""
        judgement = progress.judgement
        if judgement is not None:
            values = {"loss": judgement.loss, **judgement.scores}
            self.mirrors.log(progress.step, {f"validation/{name}": float(value) for name, value in values.items()})

    def weights_chosen(self, progress: Progress) -> None:
        """Mirror which mix of base and tuned weights is kept."""
        if progress.mixture is not None:
            self.mirrors.log(progress.step, {"mixture/alpha": float(progress.mixture["alpha"])})

    def checkpoint_saved(self, progress: Progress) -> None:
        """Let the mirrors hold what the checkpoint holds, since a killed run goes on from there."""
        self.mirrors.flush()

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: the mirrors' names lie in the run's folder, where a kill before a checkpoint leaves them."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


def _names_file(folder: Path) -> Path:
    return folder / FOLDER / "names.json"


def _names(folder: Path) -> dict[str, str]:
    """Return under which name each tracker keeps this run, as an earlier process wrote it down."""
    try:
        found = json.loads(_names_file(folder).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
