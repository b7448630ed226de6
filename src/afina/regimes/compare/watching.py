"""Who is told how far a comparison is, and how long the rest will take."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from afina.base.messages import say


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a comparison, or the measuring of one entry.

    Attributes:
        number: Which it is, counted from 1.
        count: How many there are.
        label: What it is, for people.
    """

    number: int
    count: int
    label: str


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a comparison stands.

    Attributes:
        task: What is going on.
        step: Optimiser steps done of it.
        num_steps: All its steps; 0 before they are known.
        remaining_s: Seconds until everything is done; None when unknown.
    """

    task: Task
    step: int
    num_steps: int
    remaining_s: float | None


class Watcher(Protocol):
    """Hears of a comparison."""

    def opened(self, folder: Path) -> None:
        """The comparison has a folder."""
        ...

    def begins(self, moment: Moment) -> None:
        """A task begins."""
        ...

    def stage(self, sentence: str) -> None:
        """Something within the task begins that may take a while."""
        ...

    def moves(self, moment: Moment) -> None:
        """The task has come further; several times a second."""
        ...

    def remark(self, sentence: str) -> None:
        """Something happened that is good to know."""
        ...

    def warning(self, sentence: str) -> None:
        """Something happened that the user must know."""
        ...


class Silent:
    """Keeps everything to itself."""

    def opened(self, folder: Path) -> None:
        """Do nothing."""

    def begins(self, moment: Moment) -> None:
        """Do nothing."""

    def stage(self, sentence: str) -> None:
        """Do nothing."""

    def moves(self, moment: Moment) -> None:
        """Do nothing."""

    def remark(self, sentence: str) -> None:
        """Do nothing."""

    def warning(self, sentence: str) -> None:
        """Do nothing."""


class Plain(Silent):
    """Prints what begins, and what should be known, on standard error: for scripts and notebooks."""

    def begins(self, moment: Moment) -> None:
        """Print it."""
        task = moment.task
        print(f"[{task.number}/{task.count}] {task.label}{_rest(moment)}", file=sys.stderr, flush=True)

    def remark(self, sentence: str) -> None:
        """Print it."""
        print(sentence, file=sys.stderr, flush=True)

    def warning(self, sentence: str) -> None:
        """Print it."""
        print(sentence, file=sys.stderr, flush=True)


class Clock:
    """Estimates what remains from what was planned and from how long what was planned really took.

    Args:
        planned_s: Seconds planned by task, in order.
    """

    def __init__(self, planned_s: Mapping[str, float]) -> None:
        self._waiting = dict(planned_s)
        self._planned = self._taken = 0.0

    def done(self, name: str, seconds: float | None) -> None:
        """Take a task off; with the seconds it took, or None when it was done before."""
        planned = self._waiting.pop(name, 0.0)
        if seconds is not None:
            self._planned += planned
            self._taken += seconds

    def remaining_s(self, name: str = "", elapsed_s: float = 0.0) -> float:
        """Return the seconds until everything is done.

        Args:
            name: The task that is going on.
            elapsed_s: For how long.
        """
        pace = self._taken / self._planned if self._planned > 0 else 1.0
        others = sum(seconds for waiting, seconds in self._waiting.items() if waiting != name)
        return pace * others + max(0.0, pace * self._waiting.get(name, 0.0) - elapsed_s)


def _rest(moment: Moment) -> str:
    if moment.remaining_s is None:
        return ""
    return say(" (about {minutes} min in all)", minutes=max(1, round(moment.remaining_s / 60)))
