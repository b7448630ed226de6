"""How long a run takes, as a range, from two timed batches and the lengths of the rows.

Low: every batch costs per operation what the longest does. High: it costs per token what the longest does, though
attention over shorter rows is cheaper, and a whole batch's overhead each time. Both allow for a machine that is busier
or quieter than when it was timed. Operations per token grow with its row's length: 2 per weight of the blocks, 4 per
position, block and unit of width (Kaplan et al. 2020, arXiv:2001.08361, table 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from afina.planning.activations import BlockShape
from afina.planning.probe import Measured
from afina.planning.span import Span
from afina.planning.workload import Shapes

NOISE = Span(0.7, 1.5)
"""How much faster or slower than when it was timed a machine may run."""

MEMORY_RATES = {"cpu": (6e9, 30e9), "cuda": (300e9, 3e12)}
"""Bytes per second, slowest and fastest, at which an optimiser walks through weights, by kind of device."""

DISK_RATES = (50e6, 1e9)
"""Bytes per second, slowest and fastest, at which numbers are written, hashed and flushed."""

SAVE_S = Span(0.01, 0.1)
"""Seconds that a checkpoint takes however small it is: several files, each flushed to the disk."""

CLOSING_S = Span(5.0, 40.0)
"""Seconds for the base's probe, resampling, the model read back by a fresh process, and the report."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that are moved beside computing.

    Attributes:
        descent: Bytes that one optimiser step reads and writes.
        checkpoint: Bytes of one checkpoint.
        num_steps: Optimiser steps.
        num_saves: Checkpoints written.
    """

    descent: float
    checkpoint: float
    num_steps: int
    num_saves: int


def training(measured: Measured, shape: BlockShape, micro_batches: Shapes, num_epochs: float) -> Span:
    """Return the seconds of all forward and backward passes.

    Args:
        measured: The timed batches.
        shape: The model's blocks.
        micro_batches: Those of one epoch, of one process.
        num_epochs: Passes over the rows.
    """
    return _over(measured, shape, micro_batches).times(num_epochs * NOISE.low, num_epochs * NOISE.high)


def judging(measured: Measured, shape: BlockShape, batches: Shapes) -> Span:
    """Return the seconds of forward passes alone."""
    share = measured.forward_share
    return _over(measured, shape, batches).times(share * NOISE.low, share * NOISE.high)


def moving(traffic: Traffic, device: torch.device) -> Span:
    """Return the seconds of optimiser steps and checkpoints."""
    slow, fast = MEMORY_RATES.get(device.type, MEMORY_RATES["cpu"])
    descent = Span(traffic.descent / fast, traffic.descent / slow).times(traffic.num_steps)
    return descent + (writing(traffic.checkpoint) + SAVE_S).times(traffic.num_saves)


def writing(num_bytes: float) -> Span:
    """Return the seconds in which so much is written to the disk."""
    slow, fast = DISK_RATES
    return Span(num_bytes / fast, num_bytes / slow)


def _over(measured: Measured, shape: BlockShape, batches: Shapes) -> Span:
    large = measured.large
    one = np.asarray([large.num_sequences]), np.asarray([large.num_tokens])
    operations = float(_operations(shape, *one).sum())
    per_token = (large.seconds - measured.overhead_s) / (large.num_sequences * large.num_tokens)
    low = float(_operations(shape, batches.num_sequences, batches.num_tokens).sum()) * large.seconds / operations
    high = batches.padded_tokens * per_token + len(batches) * measured.overhead_s
    return Span(min(low, high), max(low, high))


def _operations(shape: BlockShape, sequences: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    per_token = 2.0 * shape.num_weights + 4.0 * shape.num_blocks * shape.width * tokens
    result: np.ndarray = sequences * tokens * per_token
    return result
