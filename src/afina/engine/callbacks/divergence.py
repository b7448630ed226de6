"""Divergence: a run whose loss has left for good is stopped, with the reason."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field

from afina.base.errors import QualityError
from afina.base.messages import say
from afina.engine.contract import Progress
from afina.recipe.section import Section


class Config(Section):
    """Stop a run that diverges."""

    kind: Literal["divergence"] = "divergence"
    """The technique's name."""
    factor: Annotated[float, Field(gt=1.0)] = 3.0
    """How many times its early median the loss's late median must be."""
    window: Annotated[int, Field(ge=5)] = 20
    """Steps of each median."""


def build(config: Config) -> Divergence:
    """Return the callback that `config` describes."""
    return Divergence(config.factor, config.window)


@dataclass
class Divergence:
    """Compares the median loss of the last steps with that of the first.

    Attributes:
        factor: Ratio that counts as divergence.
        window: Steps of each median.
    """

    factor: float
    window: int
    priority: int = 20
    _first: list[float] = field(default_factory=list)
    _last: deque[float] = field(default_factory=deque)

    def step_done(self, progress: Progress) -> None:
        """Note the loss.

        Raises:
            QualityError: If the run diverges.
        """
        if len(self._first) < self.window:
            self._first.append(progress.loss)
            return
        self._last.append(progress.loss)
        if len(self._last) > self.window:
            self._last.popleft()
        # A loss near zero triples by chance; only one that is large in itself has gone astray.
        if len(self._last) == self.window and median(self._last) > max(self.factor * median(self._first), 1.0):
            raise QualityError(
                "E-RUN-011",
                say(
                    "The run diverges: the loss was {first:.3g} at first and is {last:.3g} now.",
                    first=median(self._first),
                    last=median(self._last),
                ),
                where=f"step {progress.step}",
                mend=say("Lower training.learning_rate, or lengthen the schedule's warm-up."),
            )

    def state_dict(self) -> Mapping[str, Any]:
        """Return the losses of both windows."""
        return {"first": list(self._first), "last": list(self._last)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the same windows."""
        self._first, self._last = list(state["first"]), deque(state["last"])
