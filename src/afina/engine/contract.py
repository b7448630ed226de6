"""What the engine's parts promise each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

Schedule = Callable[[int, int], float]
"""Factor on the learning rate of step `i` (from 0) of `n`, in [0, 1]; it depends on nothing else."""

EVENTS = (
    "fit_start",
    "stage_start",
    "epoch_start",
    "step_start",
    "loss_ready",
    "backward_done",
    "step_done",
    "evaluate_done",
    "checkpoint_saved",
    "epoch_end",
    "fit_end",
    "weights_chosen",
    "error",
)
"""Moments of the loop that a callback may bind to, in the order in which they come."""


class Optimizer(Protocol):
    """A torch optimiser, or what behaves like one."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters, each with its own `lr`, which the loop sets before every step."""
        ...

    @property
    def state(self) -> Mapping[Any, Any]:
        """What it remembers, by parameter."""
        ...

    def step(self) -> Any:
        """Move every parameter that has a gradient."""
        ...

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        ...


class OptimizerMaker(Protocol):
    """Makes an optimiser for groups of parameters."""

    def __call__(self, groups: Sequence[Mapping[str, Any]]) -> Optimizer:
        """Return the optimiser.

        Args:
            groups: Each with `params` (tensors), `lr` and `decays`, whether weight decay applies. The maker may put
                a `factor` into its own groups, by which their learning rate is then multiplied.
        """
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What validation rows say of the model.

    Attributes:
        loss: Mean loss.
        scores: Metrics by name, the main one first; higher is better for the main one.
        score: The main metric, turned so that higher is better.
    """

    loss: float
    scores: Mapping[str, float]
    score: float

    def is_better(self, score: float, loss: float) -> bool:
        """Return whether it beats an earlier one: by its score, and where that is the same, by its loss."""
        return (self.score, -self.loss) > (score, -loss)


@dataclass
class Progress:
    """Where the loop stands; what callbacks read.

    Attributes:
        num_steps: Optimiser steps of the whole run.
        steps_per_epoch: Optimiser steps of one pass.
        step: Optimiser steps done.
        loss: Mean loss of the last step's targets.
        learning_rate: Learning rate of the last step.
        gradient_norm: Norm of the last step's mean gradient, before clipping.
        num_rows: Rows that training has read.
        stage: Name of the stage.
        micro_batch_size: Rows computed at once by one process.
        judgement: The last judgement of validation rows, or None.
        best_step: Step of the best judgement, or None.
        best_score: Its score.
        best_loss: Its loss.
        stop_reason: Why the loop should stop, or empty.
        must_save: Whether a checkpoint is wanted after this step, due or not.
        is_main: Whether this process speaks.
        mixture: The point between base and tuned weights that was kept, with the curve it was chosen from, or None.
    """

    num_steps: int
    steps_per_epoch: int
    step: int = 0
    loss: float = float("nan")
    learning_rate: float = 0.0
    gradient_norm: float = 0.0
    num_rows: int = 0
    stage: str = ""
    micro_batch_size: int = 0
    judgement: Judgement | None = None
    best_step: int | None = None
    best_score: float = float("-inf")
    best_loss: float = float("inf")
    stop_reason: str = ""
    must_save: bool = False
    is_main: bool = True
    mixture: Mapping[str, Any] | None = None

    @property
    def epoch(self) -> float:
        """Passes over the data done, with decimals."""
        return self.step / self.steps_per_epoch


class Callback(Protocol):
    """A behaviour bound to events: a method named after an event is called with the `Progress` when it comes."""

    priority: int
    """Callbacks of a lower number are called first."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return what must survive a kill, as JSON."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` returned."""
        ...


class Trained(Protocol):
    """The part of a model that the engine drives."""

    def named_parameters(self) -> Iterable[tuple[str, torch.nn.Parameter]]:
        """Yield its parameters by name."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Set training mode."""
        ...


def emit(callbacks: Sequence[Callback], event: str, progress: Progress) -> None:
    """Call every callback bound to `event`, in order of priority."""
    assert event in EVENTS, event
    for callback in callbacks:
        handler = getattr(callback, event, None)
        if handler is not None:
            handler(progress)


def in_order(callbacks: Iterable[Callback]) -> list[Callback]:
    """Return callbacks by priority.

    Raises:
        TypeError: If one has a public method that is no event, most likely a misspelt one that would never be called.
    """
    known = {*EVENTS, "priority", "state_dict", "load_state_dict"}
    ordered = sorted(callbacks, key=lambda callback: callback.priority)
    for callback in ordered:
        public = {
            name for name in dir(type(callback)) if not name.startswith("_") and callable(getattr(type(callback), name))
        }
        if public - known:
            raise TypeError(f"{type(callback).__name__} binds to unknown events: {', '.join(sorted(public - known))}")
    return ordered
