"""The gradient of one step, summed over its micro-batches and over all processes; nothing is divided here."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from afina.base import seeds
from afina.base.errors import ResourceError
from afina.base.messages import say
from afina.base.types import Batch
from afina.engine import memory
from afina.engine.contract import Progress
from afina.engine.material import Material
from afina.engine.optimizing import Optimizing


class Gradients:
    """Computes the gradient of a step's rows.

    Args:
        material: What the run trains with.
        optimizing: Holds the parameters that move.
        progress: Where the loop stands; its micro-batch is halved where memory does not suffice.
        may_shrink: Whether that is allowed.
        processes: This process among those that train together.
    """

    def __init__(
        self, material: Material, optimizing: Optimizing, progress: Progress, may_shrink: bool, processes: Any
    ) -> None:
        self.material = material
        self.optimizing = optimizing
        self.progress = progress
        self.may_shrink = may_shrink
        self.processes = processes

    def of(self, rows: np.ndarray) -> tuple[float, float]:
        """Leave the summed gradients of `rows` on the parameters; return the summed loss and count of all processes.

        Where memory does not suffice, the micro-batch is halved and the step begun again: same rows, same random
        numbers, same gradient.

        Raises:
            ResourceError: If even one row at a time does not fit.
        """
        while True:
            random_state = seeds.state()
            try:
                return self._accumulate(rows)
            except (MemoryError, RuntimeError) as error:
                if not memory.is_exhausted(error):
                    raise
                self._refuse_to_shrink(error)
            # Only out of the except block are the failed step's tensors free to go.
            self.optimizing.forget_gradients()
            memory.release()
            seeds.restore(random_state)
            self.progress.micro_batch_size = max(1, self.progress.micro_batch_size // 2)

    def _accumulate(self, rows: np.ndarray) -> tuple[float, float]:
        size, processes, material = self.progress.micro_batch_size, self.processes, self.material
        shares = material.forward.portions(
            rows, material.segments, size, processes.process_index, processes.num_processes
        )
        loss_sum, count = 0.0, 0
        for share in shares[:-1]:
            with self._unsynchronised():
                loss, targets = self._loss(share, rows)
                _backward(loss)
            loss_sum, count = loss_sum + float(loss.detach()), count + targets
        loss, targets = self._loss(shares[-1], rows)
        total_loss, total = self._over_processes(loss_sum + float(loss.detach()), count + targets)
        penalty = self.material.retention.penalty(self.material.forward.model)
        if penalty is not None:
            # The division by the count that is still to come must not shrink the penalty.
            loss = loss + penalty * (total / processes.num_processes)
            total_loss += float(penalty.detach()) * total
        _backward(loss)
        return total_loss, total

    def _loss(self, share: np.ndarray, rows: np.ndarray) -> tuple[Tensor, int]:
        # A process without rows of its own must still take part in the exchange: it computes one for nothing.
        batch = self._batch(share if len(share) else rows[:1])
        output = self.material.objective.step(self.material.forward, batch, self.material.aids)
        return (output.loss_sum, output.num_targets) if len(share) else (output.loss_sum * 0.0, 0)

    def _batch(self, rows: np.ndarray) -> Batch:
        material = self.material
        segments = [material.segments[row] for row in rows]
        return material.forward.collate(segments, material.target_kind)

    def _over_processes(self, loss_sum: float, count: int) -> tuple[float, float]:
        if self.processes.num_processes == 1:
            return loss_sum, float(count)
        pair = torch.tensor([loss_sum, float(count)], dtype=torch.float64, device=self.processes.device)
        total_loss, total = self.processes.reduce(pair, "sum").tolist()
        return total_loss, total

    def _unsynchronised(self) -> AbstractContextManager[None]:
        if self.processes.num_processes == 1:
            return nullcontext()
        wrapped: Any = self.material.forward.module
        return wrapped.no_sync()  # type: ignore[no-any-return]

    def _refuse_to_shrink(self, error: BaseException) -> None:
        if self.progress.micro_batch_size == 1 or not self.may_shrink or self.processes.num_processes > 1:
            raise ResourceError(
                "E-MEMORY-002",
                say("Memory does not suffice for {rows} rows at once.", rows=self.progress.micro_batch_size),
                where="training.micro_batch_size",
                mend=say("Lower training.micro_batch_size or data.max_tokens, or let fewer blocks move."),
            ) from error


def _backward(loss: Tensor) -> None:
    # torch leaves this method untyped; the exception to strictness is made once, here.
    loss.backward()  # type: ignore[no-untyped-call]
