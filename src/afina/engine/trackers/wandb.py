"""Weights & Biases, offline: a run in the run's folder, which `wandb sync` sends on when the user wants it sent."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from afina.base import durable, environment
from afina.base.optional import need
from afina.engine.trackers.contract import Ending, Tracked
from afina.recipe.section import Section

_CODES = {"finished": 0, "interrupted": 130, "failed": 1}


class Config(Section):
    """A run for Weights & Biases, kept on this machine until `wandb sync`."""

    kind: Literal["wandb"] = "wandb"
    """The technique's name."""
    project: Annotated[str, Field(min_length=1)] = "afina"
    """Name of the project that the run belongs to."""


def build(config: Config) -> WeightsAndBiases:
    """Return the tracker that `config` describes.

    Raises:
        MissingExtraError: If wandb is not installed.
    """
    environment.quiet_trackers()
    wandb = need("wandb", extra="track")
    return WeightsAndBiases(config, failures=(wandb.Error, OSError))


@dataclass
class WeightsAndBiases:
    """Mirrors a run in offline mode.

    Attributes:
        config: Under which name.
        failures: What it raises when its store fails it.
    """

    config: Config
    failures: tuple[type[Exception], ...]
    _run: Any = None
    _folder: str = ""
    _last_step: int = 0

    def begin(self, run: Tracked, step: int) -> str:
        """Open an offline run; one that is gone on with keeps its name, and is sent on as the same run."""
        wandb = need("wandb", extra="track")
        durable.make_folder(run.store)
        self._folder, self._last_step = str(run.store), step
        settings = wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            save_code=False,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
        )
        self._run = wandb.init(
            mode="offline",
            dir=self._folder,
            project=self.config.project,
            id=run.known_as or None,
            name=run.name,
            config={**run.parameters, "run_folder": str(run.folder.absolute())},
            settings=settings,
        )
        return str(self._run.id)

    @property
    def command(self) -> str:
        """The command that sends it on."""
        return f"wandb sync --append {shlex.quote(self._folder)}/wandb/offline-run-*"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write figures of a step."""
        self._last_step = step
        self._run.log(dict(values), step=step)

    def flush(self) -> None:
        """Do nothing: its own process writes as it hears."""

    def conclude(self, values: Mapping[str, float], sentence: str) -> None:
        """Write the final figures and the verdict into the run's summary."""
        self._run.summary.update({**values, "verdict": sentence})

    def end(self, ending: Ending) -> None:
        """Close the run."""
        self._run.finish(exit_code=_CODES[ending])
