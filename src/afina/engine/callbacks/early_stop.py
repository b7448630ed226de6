"""Early stop: training ends when validation rows have not been judged better for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from afina.base.messages import say
from afina.engine.contract import Progress
from afina.recipe.section import Section


class Config(Section):
    """Stop when validation no longer improves; the best weights are kept in any case."""

    kind: Literal["early-stop"] = "early-stop"
    """The technique's name."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Judgements in a row without improvement after which training stops."""
    min_delta: Annotated[float, Field(ge=0.0)] = 0.0
    """Smallest improvement of the main metric that counts."""


def build(config: Config) -> EarlyStop:
    """Return the callback that `config` describes."""
    return EarlyStop(config.patience, config.min_delta)


@dataclass
class EarlyStop:
    """Counts judgements without improvement.

    Attributes:
        patience: Judgements in a row that are allowed.
        min_delta: Smallest improvement that counts.
    """

    patience: int
    min_delta: float = 0.0
    priority: int = 10
    _best: float = float("-inf")
    _loss: float = float("inf")
    _waited: int = 0
    _stage: str = ""

    def stage_start(self, progress: Progress) -> None:
        """Be patient anew: other parameters move from here on."""
        # A run that is gone on with enters its stage a second time, and has waited in it already.
        if progress.stage != self._stage:
            self._stage, self._waited = progress.stage, 0

    def evaluate_done(self, progress: Progress) -> None:
        """Ask the loop to stop once patience is over."""
        assert progress.judgement is not None, "the event comes after a judgement"
        judgement = progress.judgement
        if judgement.is_better(self._best + self.min_delta, self._loss):
            self._best, self._loss, self._waited = judgement.score, judgement.loss, 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            progress.stop_reason = say("validation stopped improving at step {step}", step=progress.best_step)

    def state_dict(self) -> Mapping[str, Any]:
        """Return the best judgement, the judgements waited since, and the stage they were waited in."""
        return {"best": self._best, "loss": self._loss, "waited": self._waited, "stage": self._stage}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting where it was."""
        self._best, self._loss = state["best"], state["loss"]
        self._waited, self._stage = state["waited"], state["stage"]
