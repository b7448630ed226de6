"""Disk that a run takes: its checkpoints and the model that leaves it.

The newest two checkpoints and the best are kept, and what an earlier of them called the best; one more is there while
it is being written.
"""

from __future__ import annotations

from dataclasses import dataclass

from afina.planning.span import Span

FEWEST_KEPT, MOST_KEPT = 3, 6
"""Checkpoints that are there at once in a long run: two and one being written; also the best, and two earlier bests."""

SPARE_BYTES = 2_000_000
"""Random states, counters, headers, the manifest."""

REST_BYTES = 5_000_000
"""Tokenizer, events, evaluation, predictions, report."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Disk that a run takes, in bytes.

    Attributes:
        checkpoint: One checkpoint.
        model: The model that leaves the run.
        num_saves: How often a checkpoint is written.
    """

    checkpoint: int
    model: int
    num_saves: int

    @property
    def peak(self) -> Span:
        """The most that is there at once."""
        kept = Span(min(FEWEST_KEPT, self.num_saves), min(MOST_KEPT, self.num_saves))
        finished = self.model + REST_BYTES
        return kept.times(self.checkpoint) + Span(finished, finished)


def storage(moving_bytes: float, state_bytes: float, model_bytes: float, num_saves: int) -> Storage:
    """Return the disk that a run takes.

    Args:
        moving_bytes: Weights that move.
        state_bytes: The optimiser's state.
        model_bytes: The whole model.
        num_saves: How often a checkpoint is written.
    """
    return Storage(round(moving_bytes + state_bytes) + SPARE_BYTES, round(model_bytes), num_saves)


def num_saves(num_steps: int, every: int, judged_every: int | None) -> int:
    """Return how often a checkpoint is written: at intervals, wherever held-out rows were judged, and at the end."""
    due = set(range(every, num_steps + 1, every)) | {num_steps}
    if judged_every is not None:
        due |= set(range(judged_every, num_steps + 1, judged_every))
    return len(due)
