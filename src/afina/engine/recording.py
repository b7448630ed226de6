"""What happens in the loop, written down as it happens: `events.jsonl`, which curves, reports and the studio read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from afina.base.events import Events
from afina.engine.contract import Progress


@dataclass
class Recording:
    """A callback that writes events; only the main process does.

    Attributes:
        events: Where they are written.
    """

    events: Events
    priority: int = 90
    _micro_batch_size: int = 0
    _last: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def fit_start(self, progress: Progress) -> None:
        """Write the length of the run; after a kill, forget steps beyond the one it goes on from."""
        if progress.is_main:
            self.events.rewind(progress.step)
            epochs = progress.num_steps / progress.steps_per_epoch
            self.events.write("fit_start", step=progress.step, num_steps=progress.num_steps, epochs=epochs)
        self._last = (time.monotonic(), progress.num_rows)

    def stage_start(self, progress: Progress) -> None:
        """Write which stage begins."""
        if progress.is_main:
            self.events.write("stage", step=progress.step, name=progress.stage)

    def step_done(self, progress: Progress) -> None:
        """Write the step's loss, learning rate, gradient norm and speed."""
        now, rows = time.monotonic(), progress.num_rows
        rate = (rows - self._last[1]) / max(now - self._last[0], 1e-9)
        self._last = (now, rows)
        if not progress.is_main:
            return
        if self._micro_batch_size and progress.micro_batch_size != self._micro_batch_size:
            self.events.write("out_of_memory", step=progress.step, micro_batch_size=progress.micro_batch_size)
        self._micro_batch_size = progress.micro_batch_size
        self.events.write(
            "step",
            step=progress.step,
            loss=progress.loss,
            learning_rate=progress.learning_rate,
            gradient_norm=progress.gradient_norm,
            epoch=progress.epoch,
            rows_per_s=rate,
        )

    def evaluate_done(self, progress: Progress) -> None:
        """Write the judgement of validation rows."""
        judgement = progress.judgement
        if progress.is_main and judgement is not None:
            self.events.write(
                "evaluation",
                step=progress.step,
                split="validation",
                loss=judgement.loss,
                metrics=dict(judgement.scores),
            )

    def checkpoint_saved(self, progress: Progress) -> None:
        """Write that a checkpoint is whole."""
        if progress.is_main:
            self.events.write("checkpoint", step=progress.step, path=f"checkpoints/step-{progress.step:06d}")

    def fit_end(self, progress: Progress) -> None:
        """Write why the loop ended, and which step is kept."""
        if progress.is_main:
            self.events.write("fit_end", step=progress.step, reason=progress.stop_reason, best_step=progress.best_step)

    def weights_chosen(self, progress: Progress) -> None:
        """Write which mix of base and tuned weights is kept, and the curve it was chosen from."""
        if progress.is_main and progress.mixture is not None:
            curve = {f"{alpha:g}": value for alpha, value in progress.mixture["curve"].items()}
            self.events.write("mixture", step=progress.step, alpha=progress.mixture["alpha"], curve=curve)

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: the file is the state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""
