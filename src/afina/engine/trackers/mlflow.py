"""MLflow: a run in a store of its own in the run's folder, or in the store that the user names."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import Field

from afina.base import durable, environment
from afina.base.optional import need
from afina.engine.trackers.contract import Ending, Tracked
from afina.recipe.section import Section

MOST_PARAMETERS, MOST_METRICS, LONGEST_VALUE = 100, 1000, 6000
"""Limits of MLflow: parameters and figures per call, characters per parameter."""

WAIT_S = 5.0
"""Seconds that figures may wait to be handed over together."""

_STATUS = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"}


class Config(Section):
    """A run in MLflow."""

    kind: Literal["mlflow"] = "mlflow"
    """The technique's name."""
    uri: Annotated[str, Field(min_length=1)] | None = None
    """Where MLflow keeps its runs, such as `sqlite:///mlflow.db` or a server's address; null keeps them in a database
    in the run's folder, and asks no network."""
    experiment: Annotated[str, Field(min_length=1)] = "afina"
    """Name of the experiment that the run belongs to."""


def build(config: Config) -> MLflow:
    """Return the tracker that `config` describes.

    Raises:
        MissingExtraError: If MLflow, or what it needs for a database, is not installed.
    """
    environment.quiet_trackers()
    mlflow = need("mlflow", extra="track")
    if config.uri is None or not config.uri.startswith("http"):
        need("sqlalchemy", extra="track")
        need("alembic", extra="track")
    return MLflow(config, failures=(mlflow.exceptions.MlflowException, OSError))


@dataclass
class MLflow:
    """Mirrors a run through MLflow's client.

    Attributes:
        config: Where, and under which name.
        failures: What it raises when its store fails it.
    """

    config: Config
    failures: tuple[type[Exception], ...]
    _client: Any = None
    _run_id: str = ""
    _uri: str = ""
    _waiting: list[Any] = field(default_factory=list)
    _handed_over_at: float = 0.0
    _last_step: int = 0
    _before: dict[str, int] = field(default_factory=dict)
    _is_known: bool = False

    def begin(self, run: Tracked, step: int) -> str:
        """Make a run with the recipe as its parameters, or take up the one that is there."""
        # It says on the terminal how it makes its database, in the middle of ours.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        durable.make_folder(run.store)
        self._uri = self.config.uri or f"sqlite:///{run.store.absolute() / 'mlflow.db'}"
        self._client = need("mlflow.tracking", extra="track").MlflowClient(tracking_uri=self._uri)
        self._last_step, self._is_known = step, bool(run.known_as)
        if run.known_as:
            self._run_id = run.known_as
            self._client.update_run(self._run_id, status="RUNNING")
            return self._run_id
        tags = {"mlflow.source.name": "afina", "afina.run_folder": str(run.folder.absolute())}
        made = self._client.create_run(self._experiment(run), tags=tags, run_name=run.name)
        self._run_id = str(made.info.run_id)
        parameter = need("mlflow.entities", extra="track").Param
        parameters = [parameter(path, value[:LONGEST_VALUE]) for path, value in run.parameters.items()]
        for part in _parts(parameters, MOST_PARAMETERS):
            self._client.log_batch(self._run_id, params=part)
        return self._run_id

    @property
    def command(self) -> str:
        """The command that shows it."""
        return f"mlflow ui --backend-store-uri {shlex.quote(self._uri)}"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Hand figures over, several steps together; those that the store has from before a kill are not repeated."""
        now = time.time()
        metric = need("mlflow.entities", extra="track").Metric
        self._last_step = step
        new = [metric(name, value, int(1000 * now), step) for name, value in values.items() if self._is_new(name, step)]
        self._waiting.extend(new)
        if now - self._handed_over_at > WAIT_S:
            self.flush()

    def flush(self) -> None:
        """Hand over what still waits."""
        self._handed_over_at = time.time()
        waiting, self._waiting = self._waiting, []
        for part in _parts(waiting, MOST_METRICS):
            self._client.log_batch(self._run_id, metrics=part)

    def conclude(self, values: Mapping[str, float], sentence: str) -> None:
        """Hand over the final figures; the verdict becomes the run's description."""
        self.log(self._last_step, values)
        self._client.set_tag(self._run_id, "mlflow.note.content", sentence)

    def end(self, ending: Ending) -> None:
        """Hand over the rest, and say how the run ended."""
        self.flush()
        self._client.set_terminated(self._run_id, status=_STATUS[ending])

    def _experiment(self, run: Tracked) -> str:
        found = self._client.get_experiment_by_name(self.config.experiment)
        if found is not None:
            return str(found.experiment_id)
        own = None if self.config.uri else (run.store / "artifacts").absolute().as_uri()
        return str(self._client.create_experiment(self.config.experiment, artifact_location=own))

    def _is_new(self, name: str, step: int) -> bool:
        if not self._is_known:
            return True
        if name not in self._before:
            history = self._client.get_metric_history(self._run_id, name)
            self._before[name] = max((metric.step for metric in history), default=-1)
        return step > self._before[name]


def _parts(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(items)
    while part := list(islice(remaining, size)):
        yield part
