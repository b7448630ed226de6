"""The loop: rows in, steps out, exactly.

A step's gradient is the mean over the targets of all its micro-batches and all processes: losses are summed, counts are
summed, and the one division happens here. Everything else that a run does (recording, progress, early stop) is a
callback.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from afina.base import seeds
from afina.base.errors import QualityError
from afina.base.messages import say
from afina.engine import checkpoint
from afina.engine.checkpoint import State
from afina.engine.contract import Callback, Progress, emit, in_order
from afina.engine.gradients import Gradients
from afina.engine.material import Material, Settings
from afina.engine.optimizing import Optimizing, gradient_norm, scale_
from afina.engine.stages import Span, spans
from afina.inference.forward import Forward
from afina.inference.precision import frozen_in

COMPONENTS = ("model", "optimizer", "schedule", "rng", "source", "callbacks", "loop")
"""What a checkpoint must hold for a run to go on exactly."""

NOISE = 1e-7
"""Share of the model's largest gradient below which a gradient is rounding, not learning."""


class Loop:
    """Drives the steps of one run.

    Args:
        material: What it trains with.
        settings: How long and how fast.
        callbacks: Behaviours bound to its events.
        processes: This process among those that train together (accelerate's `Accelerator`).
        folder: The run's folder, for checkpoints; None keeps nothing.
    """

    def __init__(
        self, material: Material, settings: Settings, callbacks: Sequence[Callback], processes: Any, folder: Path | None
    ) -> None:
        self.material = material
        self.settings = settings
        self.processes = processes
        self.folder = folder
        self.callbacks = in_order(callbacks)
        self.model = material.forward.model
        self.optimizing = Optimizing.over(self.model, material.report.groups, material.optimizer)
        self.spans = spans(material.report.stages, material.plan.steps_per_epoch, settings.num_steps)
        self.progress = Progress(
            num_steps=settings.num_steps,
            steps_per_epoch=material.plan.steps_per_epoch,
            micro_batch_size=settings.micro_batch_size,
            is_main=processes.is_main_process,
        )
        self.gradients = Gradients(material, self.optimizing, self.progress, settings.may_shrink, processes)
        self.gradient_seen: dict[str, float] = {}
        self._position = (0, 0)

    # -- the sentence ----------------------------------------------------------------------------------------------

    def fit(self) -> Progress:
        """Train to the end, keep the best weights, and return where the loop stood when it stopped.

        Raises:
            QualityError: If the loss is no longer a finite number.
            ResourceError: If even one row at a time does not fit in memory.
        """
        self._emit("fit_start")
        try:
            while not self._is_done():
                self._enter_stage()
                self._run_epoch()
        except BaseException:
            self._emit("error")
            raise
        self._keep_best()
        self._emit("fit_end")
        return self.progress

    def _run_epoch(self) -> None:
        epoch, start = self._position
        self._emit("epoch_start")
        for place, rows in enumerate(self.material.plan.epoch(epoch)):
            if place < start:
                continue
            self._enter_stage()
            self._position = (epoch, place + 1)
            self._step(rows)
            if self._is_done():
                return
        self._position = (epoch + 1, 0)
        self._emit("epoch_end")

    def _step(self, rows: np.ndarray) -> None:
        self._emit("step_start")
        loss_sum, count = self.gradients.of(rows)
        self.progress.loss = loss_sum / count
        self._emit("loss_ready")
        self._descend(count)
        self.progress.step += 1
        self.progress.num_rows += len(rows)
        self._emit("step_done")
        self._judge()
        self._save()

    def _descend(self, count: float) -> None:
        """Turn summed gradients into clipped mean gradients, and step."""
        gradients = self.optimizing.gradients()
        # Data-parallel training has averaged the processes' sums, where their sum is wanted.
        to_mean = self.processes.num_processes / count
        norm = gradient_norm(gradients) * to_mean
        self.progress.gradient_norm = norm
        if not (math.isfinite(norm) and math.isfinite(self.progress.loss)):
            raise self._not_finite()
        limit = self.settings.max_gradient_norm
        clip = 1.0 if limit is None or norm <= limit else limit / (norm + 1e-6)
        scale_(gradients, to_mean * clip)
        self._note_gradients()
        self._emit("backward_done")
        span = self._span()
        factor = self.material.schedule(self.progress.step - span.start, span.stop - span.start)
        self.progress.learning_rate = (span.stage.learning_rate or self.settings.learning_rate) * factor
        self.optimizing.step(self.progress.learning_rate)
        self.optimizing.forget_gradients()

    # -- stages, judging, saving -----------------------------------------------------------------------------------

    def _span(self) -> Span:
        return next(span for span in self.spans if self.progress.step < span.stop)

    def _enter_stage(self) -> None:
        span = self._span()
        if span.stage.name == self.progress.stage:
            return
        self.progress.stage = span.stage.name
        for name, parameter in self.optimizing.parameters.items():
            parameter.requires_grad_(name in span.stage.names)
            if name in span.stage.names:
                self.gradient_seen.setdefault(name, 0.0)
        self.model.train()
        if self.processes.num_processes > 1:
            # What is exchanged between processes is fixed when a model is wrapped, so a new stage wraps it anew.
            self.material.forward.module = torch.nn.parallel.DistributedDataParallel(self.model)
        self._emit("stage_start")

    def _judge(self) -> None:
        every, step = self.settings.evaluate_every_steps, self.progress.step
        if self.material.judge is None or not (step % every == 0 or self._is_done()):
            return
        judgement = self.material.judge()
        self.progress.judgement = judgement
        if judgement.is_better(self.progress.best_score, self.progress.best_loss):
            self.progress.best_step = step
            self.progress.best_score, self.progress.best_loss = judgement.score, judgement.loss
        self._emit("evaluate_done")

    def _save(self) -> None:
        progress = self.progress
        judged = self.material.judge is not None and progress.step % self.settings.evaluate_every_steps == 0
        due = progress.step % self.settings.save_every_steps == 0 or judged or self._is_done() or progress.must_save
        if self.folder is None or not due:
            return
        components = self.components()
        if progress.is_main:
            checkpoint.save(self.folder, progress.step, components, best=progress.best_step)
        self._emit("checkpoint_saved")

    def _keep_best(self) -> None:
        best = self.progress.best_step
        if best is None or best == self.progress.step or self.folder is None:
            return
        self.processes.wait_for_everyone()
        saved = checkpoint.at(self.folder, best, COMPONENTS).read()
        self.material.tuning.load(self.model, saved["model"].tensors)

    def _is_done(self) -> bool:
        return self.progress.step >= self.settings.num_steps or bool(self.progress.stop_reason)

    # -- state -----------------------------------------------------------------------------------------------------

    def components(self) -> dict[str, State]:
        """Return everything that the rest of the run depends on."""
        progress = self.progress
        epoch, place = self._position
        return {
            "model": State(self.material.tuning.state(self.model)),
            "optimizer": self.optimizing.state(),
            "schedule": State(values={"step": progress.step}),
            "rng": State(self._random_states()),
            "source": State(values={"epoch": epoch, "place": place}),
            "callbacks": State(
                values={name: dict(callback.state_dict()) for name, callback in _named(self.callbacks).items()}
            ),
            "loop": State(
                values={
                    "num_rows": progress.num_rows,
                    "micro_batch_size": progress.micro_batch_size,
                    "best_step": progress.best_step,
                    "best_score": progress.best_score,
                    "best_loss": progress.best_loss,
                    "stop_reason": progress.stop_reason,
                    "gradient_seen": self.gradient_seen,
                }
            ),
        }

    def restore(self, components: dict[str, State]) -> None:
        """Go on from what `components` returned."""
        self.material.tuning.load(self.model, components["model"].tensors)
        self.optimizing.load(components["optimizer"])
        self.progress.step = components["schedule"].values["step"]
        source, values = components["source"].values, components["loop"].values
        self._position = (source["epoch"], source["place"])
        saved = components["callbacks"].values
        for name, callback in _named(self.callbacks).items():
            if name in saved:
                callback.load_state_dict(saved[name])
        for name in ("num_rows", "micro_batch_size", "best_step", "best_score", "best_loss", "stop_reason"):
            setattr(self.progress, name, values[name])
        self.gradient_seen = dict(values["gradient_seen"])
        # Random numbers come last: nothing of the above may draw any.
        own = f".{self.processes.process_index}"
        seeds.restore(
            {name.removesuffix(own): state for name, state in components["rng"].tensors.items() if name.endswith(own)}
        )

    def _random_states(self) -> dict[str, Tensor]:
        """Return the random state of every process, each under its number."""
        mine = {f"{name}.{self.processes.process_index}": state for name, state in seeds.state().items()}
        if self.processes.num_processes == 1:
            return mine
        everybody: list[dict[str, Tensor]] = [{}] * self.processes.num_processes
        torch.distributed.all_gather_object(everybody, mine)
        return {name: state for own in everybody for name, state in own.items()}

    def _note_gradients(self) -> None:
        """Remember the largest gradient of each parameter that has moved so far, until it is above noise."""
        floor = NOISE * max(self.gradient_seen.values(), default=0.0)
        for name in [name for name, seen in self.gradient_seen.items() if seen <= floor]:
            gradient = self.optimizing.parameters[name].grad
            if gradient is not None:
                self.gradient_seen[name] = max(self.gradient_seen[name], float(gradient.abs().max()))

    def _not_finite(self) -> QualityError:
        progress = self.progress
        return QualityError(
            "E-RUN-010",
            say("Step {step}: the loss or its gradient is no longer a finite number.", step=progress.step + 1),
            where=f"step {progress.step + 1}",
            mend=say(
                "Lower training.learning_rate (now {rate:g}), or set training.precision: float32.",
                rate=self.settings.learning_rate,
            ),
        )

    def note_retention(self, alpha: float, curve: Mapping[float, float] | None) -> None:
        """Tell callbacks which point between base and tuned weights was kept, if there was a choice."""
        if curve is not None:
            self.progress.mixture = {"alpha": alpha, "curve": dict(curve)}
            self._emit("weights_chosen")

    def _emit(self, event: str) -> None:
        emit(self.callbacks, event, self.progress)


def weights_held_in(forward: Forward) -> Any:
    """Return the context in which a loop runs: what never moves is held in the precision it is computed in."""
    return frozen_in(forward.precision, forward.model)


def _named(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """Return callbacks by a name that outlives the process: their class, numbered where there are several of it."""
    seen: Counter[str] = Counter()
    named = {}
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] += 1
        named[kind if seen[kind] == 1 else f"{kind} {seen[kind]}"] = callback
    return named
