"""Linear heads of several trials on the same frozen features, trained together: one batched product for all.

A search over heads trains the same small layer many times on features that never change. Here its trials share every
matrix product, and each ends where the ordinary loop would have taken it alone: the same rows in the same order, the
same first weights and dropout masks, sums divided by counts, clipping, schedule and AdamW, each of its own.

AdamW's step is its learning rate times a direction in which no learning rate occurs, and decay a factor beside it
(Loshchilov and Hutter 2019, arXiv:1711.05101, alg. 2, line 12). So one optimiser finds the directions of all trials, on
weights that are always zero and at a rate of 1, and each trial goes its own way along them.

Shapes: K trials, N rows, B rows of the largest batch, M rows of all batches, H features, C outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from afina.base import registry
from afina.base.types import Aids, Batch, TargetKind
from afina.data import batching
from afina.engine.contract import Schedule
from afina.inference.dropout import keep_mask, keep_scale
from afina.models.contract import PooledHead
from afina.objectives.contract import Objective


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What sets one head apart from the others.

    Attributes:
        seed: Seed of its first weights and of its dropout.
        learning_rate: Its highest learning rate, above 0.
        weight_decay: Decoupled decay of its matrix, at least 0; a bias never decays.
        epochs: Passes over the rows, above 0; may be a fraction.
        plan: The order of the rows.
    """

    seed: int
    learning_rate: float
    weight_decay: float
    epochs: float
    plan: batching.Plan

    @property
    def num_steps(self) -> int:
        """Optimiser steps it takes."""
        return max(1, round(self.epochs * self.plan.steps_per_epoch))

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the rows of each of its steps."""
        left = self.num_steps
        for epoch in count():
            for rows in self.plan.epoch(epoch):
                yield rows
                left -= 1
                if left == 0:
                    return


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What all trials share.

    Attributes:
        num_outputs: C.
        target_kind: What the targets are.
        objective: What is minimised; it must treat each row alone, as `supervised` does.
        schedule: Factor on the learning rate, by step.
        aids: What the objective needs beside.
        dropout: Probability of dropping a feature while training, 0 to 0.9.
        max_gradient_norm: A trial's gradient longer than this is shortened; None leaves it.
        optimizer: AdamW's options; its weight decay gives way to the trial's.
    """

    num_outputs: int
    target_kind: TargetKind
    objective: Objective
    schedule: Schedule
    aids: Aids = field(default_factory=Aids)
    dropout: float = 0.0
    max_gradient_norm: float | None = 1.0
    optimizer: Any = field(default_factory=lambda: registry.config("engine.optimizers", "adamw")())


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What a trial ended at.

    Attributes:
        weight: Shape (C, H).
        bias: Shape (C,).
        diverged_at: The step, counted from 1, whose gradient was no longer a finite number, with the weights of before;
            None where all were. The ordinary loop would have stopped there with an error.
    """

    weight: Tensor
    bias: Tensor
    diverged_at: int | None = None


def fit_heads(features_NH: Tensor, targets: Tensor, trials: Sequence[Trial], terms: Terms) -> list[Head]:
    """Train the linear heads of several trials on frozen features, together.

    Each ends where an ordinary run of `tuning: head` on the same features would: in float64 within 1e-12, in float32
    within 1e-6 of its length. With dropout this holds on a CPU, where the masks of an ordinary run are drawn the same
    way.

    Args:
        features_NH: What the head reads of each row, float32 or float64; decides precision and device.
        targets: Classes (N,) int64, multi-hot (N, C) or values (N,).
        trials: The trials, at least one; they may differ in length and in the size of their batches.
        terms: What they share.

    Returns:
        The heads, in the order of the trials.
    """
    heads = _Heads(features_NH, trials, terms)
    batches = [trial.batches() for trial in trials]
    for step in range(max(trial.num_steps for trial in trials)):
        rows = [next(own, np.empty(0, dtype=np.int64)) for own in batches]
        heads.step(step, rows, features_NH, targets)
    return heads.finished()


class _Heads:
    """The heads of K trials while they are trained: `weight` (K, C, H) and `bias` (K, C)."""

    def __init__(self, features_NH: Tensor, trials: Sequence[Trial], terms: Terms) -> None:
        self.trials, self.terms = trials, terms
        fresh = [_fresh(trial.seed, features_NH.shape[1], terms) for trial in trials]
        self.weight = torch.stack([weight for weight, _ in fresh]).to(features_NH).requires_grad_()
        self.bias = torch.stack([bias for _, bias in fresh]).to(features_NH).requires_grad_()
        self.directions = [torch.zeros_like(self.weight), torch.zeros_like(self.bias)]
        group = {"name": "heads", "params": self.directions, "lr": 1.0, "decays": False}
        self.optimizer = registry.build("engine.optimizers", terms.optimizer)([group])
        self.draws = [torch.Generator().manual_seed(trial.seed) for trial in trials]
        self.diverged: list[int | None] = [None] * len(trials)

    def step(self, step: int, rows: Sequence[np.ndarray], features_NH: Tensor, targets: Tensor) -> None:
        """Take one step of every trial that has rows left."""
        device = features_NH.device
        sizes_K = torch.tensor([len(own) for own in rows], device=device)
        real_KB = torch.arange(int(sizes_K.max()), device=device) < sizes_K[:, None]
        rows_M = torch.from_numpy(np.concatenate(rows)).to(device)
        features_KBH = features_NH.new_zeros(*real_KB.shape, features_NH.shape[1])
        features_KBH[real_KB] = self._dropped(features_NH[rows_M], rows)
        outputs_KBC = torch.baddbmm(self.bias.unsqueeze(1), features_KBH, self.weight.transpose(1, 2))
        outputs_MC = outputs_KBC[real_KB]
        output = self.terms.objective.step(lambda _: outputs_MC, self._batch(rows_M, targets), self.terms.aids)
        assert output.num_targets == len(rows_M), "an objective of rows counts rows"
        gradients = torch.autograd.grad(output.loss_sum, [self.weight, self.bias])
        self._descend(step, [gradient.detach() for gradient in gradients], sizes_K)

    def finished(self) -> list[Head]:
        """Return the heads as they are."""
        pairs = zip(self.weight.detach(), self.bias.detach(), self.diverged, strict=True)
        return [Head(weight.clone(), bias.clone(), step) for weight, bias, step in pairs]

    def _batch(self, rows_M: Tensor, targets: Tensor) -> Batch:
        none = torch.empty(0, dtype=torch.int64)
        kind = self.terms.target_kind
        return Batch(rows_M.cpu().numpy(), none, none, targets=targets[rows_M], target_kind=kind)

    def _dropped(self, features_MH: Tensor, rows: Sequence[np.ndarray]) -> Tensor:
        probability = self.terms.dropout
        if not probability:
            return features_MH
        scale, width = keep_scale(probability), features_MH.shape[1]
        masks = [
            keep_mask(torch.Size((len(own), width)), features_MH.dtype, probability, scale, draw)
            for own, draw in zip(rows, self.draws, strict=True)
            if len(own)
        ]
        return features_MH * torch.cat(masks).to(features_MH.device)

    @torch.no_grad()
    def _descend(self, step: int, gradients: list[Tensor], sizes_K: Tensor) -> None:
        """Turn each trial's summed gradient into its clipped mean, and take its step."""
        to_mean_K = 1.0 / sizes_K.clamp(min=1).double()
        squares = [torch.linalg.vector_norm(gradient.flatten(1), dim=1).double().square() for gradient in gradients]
        norm_K = torch.stack(squares).sum(0).sqrt() * to_mean_K
        moves_K = self._moving(step, sizes_K, norm_K)
        limit = self.terms.max_gradient_norm
        clip_K = torch.ones_like(norm_K) if limit is None else (limit / (norm_K + 1e-6)).where(norm_K > limit, 1.0)
        for direction, gradient in zip(self.directions, gradients, strict=True):
            direction.zero_()
            # The fused optimiser walks through memory, so a gradient must lie there as its weights do.
            direction.grad = (gradient * _along(to_mean_K * clip_K, gradient)).contiguous()
        self.optimizer.step()
        rate_K = torch.tensor([self._rate(trial, step) for trial in self.trials], dtype=torch.float64)
        decay_K = rate_K * torch.tensor([trial.weight_decay for trial in self.trials], dtype=torch.float64)
        for weights, direction, decays in zip((self.weight, self.bias), self.directions, (True, False), strict=True):
            moved = weights * _along(1.0 - decay_K, weights) if decays else weights
            moved = moved + _along(rate_K, weights) * direction
            weights.copy_(torch.where(_along(moves_K, weights).bool(), moved, weights))

    def _moving(self, step: int, sizes_K: Tensor, norm_K: Tensor) -> Tensor:
        """Return which trials take this step: those with rows whose gradients have always been finite numbers."""
        for place in torch.nonzero((sizes_K > 0) & ~norm_K.isfinite()).flatten().tolist():
            self.diverged[place] = self.diverged[place] or step + 1
        well_K = torch.tensor([diverged is None for diverged in self.diverged], device=sizes_K.device)
        return (sizes_K > 0) & well_K

    def _rate(self, trial: Trial, step: int) -> float:
        is_over = step >= trial.num_steps
        return 0.0 if is_over else trial.learning_rate * self.terms.schedule(step, trial.num_steps)


def _along(values_K: Tensor, like: Tensor) -> Tensor:
    """Return one value per trial, shaped to multiply a tensor whose first dimension is the trials."""
    return values_K.to(like).view(-1, *[1] * (like.ndim - 1))


def _fresh(seed: int, width: int, terms: Terms) -> tuple[Tensor, Tensor]:
    """Return the first weights that an ordinary run with this seed would give its head."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        linear = PooledHead(width, terms.num_outputs, terms.dropout).linear
    return linear.weight.detach(), linear.bias.detach()
