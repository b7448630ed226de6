"""TensorBoard: event files in the run's folder, so that `tensorboard --logdir runs` shows all runs side by side."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from afina.base.optional import need
from afina.engine.trackers.contract import Ending, Tracked
from afina.recipe.section import Section


class Config(Section):
    """Event files for TensorBoard, in the run's folder."""

    kind: Literal["tensorboard"] = "tensorboard"
    """The technique's name."""


def build(config: Config) -> TensorBoard:
    """Return the tracker that `config` describes.

    Raises:
        MissingExtraError: If TensorBoard is not installed.
    """
    need("tensorboard", extra="track")
    return TensorBoard()


@dataclass
class TensorBoard:
    """Writes event files."""

    failures: tuple[type[Exception], ...] = (OSError,)
    _writer: Any = None
    _folder: str = ""
    _step: int = 0

    def begin(self, run: Tracked, step: int) -> str:
        """Open an event file; what other files say of later steps no longer counts."""
        self._folder, self._step = str(run.store), step
        writer = need("torch.utils.tensorboard", extra="track").SummaryWriter
        self._writer = writer(self._folder, purge_step=step + 1 if run.known_as else None)
        if not run.known_as:
            rows = [f"| {path} | {_cell(value)} |" for path, value in run.parameters.items()]
            self._writer.add_text("recipe", "\n".join(["| | |", "|---|---|", *rows]), 0)
            self._writer.add_text("run", str(run.folder), 0)
        return run.known_as or run.name

    @property
    def command(self) -> str:
        """The command that shows it."""
        return f"tensorboard --logdir {shlex.quote(self._folder)}"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars."""
        self._step = step
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """Write what still waits."""
        self._writer.flush()

    def conclude(self, values: Mapping[str, float], sentence: str) -> None:
        """Write the final figures as scalars at the last step, and the verdict as a text."""
        self.log(self._step, values)
        self._writer.add_text("verdict", sentence, self._step)

    def end(self, ending: Ending) -> None:
        """Close the file."""
        self._writer.close()


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ")
