"""Ctrl-C and its kin: the step is finished and saved, and only then the run ends.

The first SIGINT or SIGTERM is a request. While the loop runs it waits for the end of the step, where all processes
agree on it and a checkpoint is written; elsewhere nothing is lost by ending at once. A second signal of the same kind
ends the process on the spot, which is safe as well: what is on the disk is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from afina.engine.contract import Progress
from afina.run.signals import Interrupted, Signals


@dataclass
class LeaveWhenAsked:
    """A callback that ends the run at the end of a step, once a checkpoint of it is whole.

    Attributes:
        signals: What was asked for.
        processes: This process among those that train together.
    """

    signals: Signals
    processes: Any
    priority: int = 99
    _agreed: int = 0

    def fit_start(self, progress: Progress) -> None:
        """From here on a signal waits."""
        self.signals.waits = True

    def step_done(self, progress: Progress) -> None:
        """Learn whether any process was asked to end; if so, ask for a checkpoint."""
        self._agreed = self._agree()
        progress.must_save = bool(self._agreed)

    def checkpoint_saved(self, progress: Progress) -> None:
        """End the run, if asked: all processes together, when the main one has written."""
        if self._agreed:
            self.processes.wait_for_everyone()
            self.signals.waits = False
            raise Interrupted(self._agreed, progress.step)

    def fit_end(self, progress: Progress) -> None:
        """From here on a signal does not wait, and one that came during the last step is obeyed."""
        self.signals.waits = False
        if self.signals.wish:
            raise Interrupted(self.signals.wish, progress.step)

    def error(self, progress: Progress) -> None:
        """A loop that broke keeps nobody waiting."""
        self.signals.waits = False

    def state_dict(self) -> Mapping[str, Any]:
        """Return nothing: a request does not outlive the process."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    def _agree(self) -> int:
        if self.processes.num_processes == 1:
            return self.signals.wish
        wish = torch.tensor(self.signals.wish, device=self.processes.device)
        torch.distributed.all_reduce(wish, op=torch.distributed.ReduceOp.MAX)
        return int(wish)
