"""What a run trains with, and how long and how fast: the loop's two arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afina.base.types import Aids, Segments, TargetKind
from afina.data import batching
from afina.engine.contract import Judgement, OptimizerMaker, Schedule
from afina.inference.forward import Forward
from afina.objectives.contract import Objective
from afina.retention.contract import Retention
from afina.tuning.contract import Tuning, TuningReport


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how fast.

    Attributes:
        num_steps: Optimiser steps of the whole run.
        learning_rate: The highest learning rate of a group whose scale is 1.
        micro_batch_size: Rows computed at once by one process; halved where memory does not suffice.
        max_gradient_norm: Gradients longer than this are shortened; None leaves them.
        evaluate_every_steps: Validation rows are judged this often, and at the end.
        save_every_steps: Checkpoints are written this often, and wherever validation rows were judged.
        may_shrink: Whether the micro-batch may be halved.
    """

    num_steps: int
    learning_rate: float
    micro_batch_size: int
    max_gradient_norm: float | None
    evaluate_every_steps: int
    save_every_steps: int
    may_shrink: bool = True


@dataclass(frozen=True, slots=True)
class Material:
    """What a run trains with.

    Attributes:
        forward: The model, ready to run.
        tuning: Which weights move; saves and restores them.
        report: What the tuning reported.
        objective: What is minimised.
        aids: What the objective needs beside.
        retention: What must not be forgotten.
        segments: The encoded training rows.
        target_kind: What their targets are.
        plan: Their order.
        optimizer: Makes the optimiser.
        schedule: Factor on the learning rate, by step.
        judge: Judges validation rows; None when there are none.
    """

    forward: Forward
    tuning: Tuning
    report: TuningReport
    objective: Objective
    aids: Aids
    retention: Retention
    segments: Sequence[Segments]
    target_kind: TargetKind
    plan: batching.Plan
    optimizer: OptimizerMaker
    schedule: Schedule
    judge: Callable[[], Judgement] | None
