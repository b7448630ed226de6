"""Progress with an estimate of what remains: a bar on a terminal or in a notebook, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from afina.base import environment
from afina.base.messages import say
from afina.engine.contract import Progress
from afina.metrics import wording
from afina.recipe.section import Section


class Config(Section):
    """Show how far training is."""

    kind: Literal["progress"] = "progress"
    """The technique's name."""
    line_every_s: Annotated[float, Field(gt=0.0)] = 15.0
    """Seconds between lines where there is no terminal to draw a bar on."""


def build(config: Config) -> ProgressBar:
    """Return the callback that `config` describes."""
    return ProgressBar(config.line_every_s)


@dataclass
class ProgressBar:
    """Draws a bar on standard error, or prints lines there.

    Attributes:
        line_every_s: Seconds between lines.
    """

    line_every_s: float
    priority: int = 95
    _console: Console = field(default_factory=lambda: Console(stderr=True, no_color=environment.no_color() or None))
    _bar: Bar | None = None
    _task: Any = None
    _started: float = 0.0
    _start_step: int = 0
    _last_line: float = 0.0

    def fit_start(self, progress: Progress) -> None:
        """Begin to draw."""
        self._started, self._start_step, self._last_line = time.monotonic(), progress.step, time.monotonic()
        if not progress.is_main or not (self._console.is_terminal or self._console.is_jupyter):
            return
        self._bar = Bar(
            TextColumn(say("[bold]training")),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeElapsedColumn(),
            TextColumn(say("remaining")),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=progress.num_steps, completed=progress.step, text="")
        self._bar.start()

    def step_done(self, progress: Progress) -> None:
        """Move on."""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.step, text=self._text(progress))
        elif progress.is_main and time.monotonic() - self._last_line >= self.line_every_s:
            self._last_line = time.monotonic()
            self._print(progress)

    def evaluate_done(self, progress: Progress) -> None:
        """Show what validation rows say."""
        if progress.is_main:
            self._print(progress)

    def fit_end(self, progress: Progress) -> None:
        """Stop drawing, and say why training ended before its time."""
        self._close()
        if progress.is_main and progress.stop_reason:
            self._console.print(progress.stop_reason, highlight=False)

    def error(self, progress: Progress) -> None:
        """Leave the terminal as it was."""
        self._close()

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: a drawing has no state worth keeping."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        sys.stderr.flush()

    def _print(self, progress: Progress) -> None:
        self._console.print(
            say(
                "step {step}/{num_steps}  {text}  about {seconds:.0f} s remain",
                step=progress.step,
                num_steps=progress.num_steps,
                text=self._text(progress),
                seconds=self._remaining_s(progress),
            ),
            highlight=False,
            markup=False,
        )

    def _text(self, progress: Progress) -> str:
        text = say("loss {loss}", loss=wording.number(progress.loss, 3))
        if progress.judgement is not None:
            name, value = next(iter(progress.judgement.scores.items()))
            text += say(
                "  validation {metric} {value}", metric=wording.title(name), value=wording.value_text(name, value)
            )
        return text

    def _remaining_s(self, progress: Progress) -> float:
        done = progress.step - self._start_step
        return (time.monotonic() - self._started) / max(done, 1) * (progress.num_steps - progress.step)
