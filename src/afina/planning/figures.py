"""The figures of a plan, as the terminal, `--json` and other programs read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from afina.planning.span import Span

Verdict = Literal["fits", "tight", "no"]
"""Whether even the high end fits, only the low end does, or neither."""


def judge(need: Span, there_bytes: float) -> Verdict:
    """Return whether a need fits into what is there."""
    if need.high <= there_bytes:
        return "fits"
    return "tight" if need.low <= there_bytes else "no"


@dataclass(frozen=True, slots=True)
class Steps:
    """How much there is to do.

    Attributes:
        num_steps: Optimiser steps of the run.
        steps_per_epoch: Optimiser steps of one pass.
        rows_per_step: Rows of one step, over all processes.
        micro_batch_size: Rows that one process computes at once.
        num_processes: Processes that train together.
        tokens_per_step: Real tokens of a mean step.
        padded_tokens_per_step: Positions computed in a mean step, padding included.
        longest_tokens: Tokens of the longest sequence.
    """

    num_steps: int
    steps_per_epoch: int
    rows_per_step: int
    micro_batch_size: int
    num_processes: int
    tokens_per_step: float
    padded_tokens_per_step: float
    longest_tokens: int

    @property
    def epochs(self) -> float:
        """Passes over the rows."""
        return self.num_steps / self.steps_per_epoch

    @property
    def padding_share(self) -> float:
        """Share of the positions computed that nobody needs, 0 to 1."""
        return 1 - self.tokens_per_step / self.padded_tokens_per_step


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the process, or of the accelerator it trains on.

    Attributes:
        peak: The most that is held at once, in bytes.
        moment: When: `step`, `descent`, `checkpoint`, `judging` or `comparing`.
        parts: Bytes of weights, gradients, optimiser `state` and activations `kept` for the longest micro-batch.
        limit_bytes: What may be held.
        is_measured: Whether activations were counted on real rows, rather than by formula alone.
    """

    peak: Span
    moment: str
    parts: Mapping[str, int]
    limit_bytes: int
    is_measured: bool

    @property
    def verdict(self) -> Verdict:
        """Whether it fits."""
        return judge(self.peak, self.limit_bytes)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What the frozen part of the model says, computed once before the first step.

    Attributes:
        part: The part, such as `base` or `4 blocks`.
        num_texts: Texts to compute: those of which nothing is kept yet, equal ones counted once.
        num_tokens: Their tokens.
        disk_bytes: What they add to the prefix cache.
        fill_s: Seconds of computing and keeping them; None when nothing could be timed.
    """

    part: str
    num_texts: int
    num_tokens: int
    disk_bytes: int
    fill_s: Span | None


@dataclass(frozen=True, slots=True)
class Disk:
    """Disk that a run takes where its folder lies.

    Attributes:
        peak: The most that is there at once, in bytes; with what is added to the prefix cache where that lies there.
        checkpoint_bytes: One checkpoint.
        model_bytes: The model that leaves the run.
        free_bytes: What is free.
    """

    peak: Span
    checkpoint_bytes: int
    model_bytes: int
    free_bytes: int

    @property
    def verdict(self) -> Verdict:
        """Whether it fits."""
        return judge(self.peak, self.free_bytes)


@dataclass(frozen=True, slots=True)
class Mend:
    """A change of the recipe with which a run fits.

    Attributes:
        overrides: What to append to the command, such as `training.micro_batch_size=8`; empty when no setting helps.
        price: What it costs, one sentence in the user's language.
    """

    overrides: tuple[str, ...]
    price: str

    def __str__(self) -> str:
        return ": ".join(part for part in (" ".join(self.overrides), self.price) if part)
