"""A few real forward and backward passes of the longest rows, timed and counted, that leave no trace.

One row, then a whole micro-batch: bytes and seconds are straight lines in the number of sequences of one length, so
two points give both their constant and their slope. Fewer rows than a micro-batch are taken where all would not fit in
memory or take too long; the line goes on.

Shapes: S sequences, T tokens of the longest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from afina.base import seeds
from afina.base.types import Batch, Segments
from afina.data import batching
from afina.engine import memory
from afina.engine.loop import weights_held_in
from afina.engine.material import Material
from afina.inference.forward import Forward
from afina.planning.activations import Activations

BUDGET_S = 10.0
"""Seconds that the largest pass may be expected to take."""

MEMORY_SHARE = 0.5
"""Share of the free memory that the largest pass may be expected to take."""

SHORT_S, RETRIES = 0.05, 3
"""Seconds below which a pass is run again, and how often."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One forward and backward pass.

    Attributes:
        num_rows: Rows in it.
        num_sequences: S.
        num_tokens: T, as wide as it was computed.
        forward_s: Seconds of laying the rows out and of the forward pass.
        backward_s: Seconds of the backward pass.
        kept_bytes: What the forward pass kept for the backward pass, attention weights apart.
        kept_pairs_bytes: Attention weights that it kept.
    """

    num_rows: int
    num_sequences: int
    num_tokens: int
    forward_s: float
    backward_s: float
    kept_bytes: int
    kept_pairs_bytes: int

    @property
    def seconds(self) -> float:
        """Seconds of both passes."""
        return self.forward_s + self.backward_s


@dataclass(frozen=True, slots=True)
class Measured:
    """Two samples of the same length.

    Attributes:
        one: The longest row alone.
        large: The longest micro-batch, or what of it could be tried; the same row once more when that is one row.
    """

    one: Sample
    large: Sample

    @property
    def activations(self) -> Activations:
        """The bytes that a batch keeps, by its size."""
        one, large = self.one, self.large
        more = large.num_sequences - one.num_sequences
        slope = (large.kept_bytes - one.kept_bytes) / more if more else large.kept_bytes / large.num_sequences
        pairs = large.num_sequences * large.num_tokens**2
        return Activations(
            constant=max(0.0, large.kept_bytes - slope * large.num_sequences),
            per_token=slope / large.num_tokens,
            per_pair=large.kept_pairs_bytes / pairs,
        )

    def computing_again(self, share: float) -> Measured:
        """Return what it would have been had a share of the forward pass been computed again on the way back."""
        one, large = (
            replace(sample, backward_s=sample.backward_s + share * sample.forward_s)
            for sample in (self.one, self.large)
        )
        return Measured(one, large)

    @property
    def overhead_s(self) -> float:
        """Seconds that a batch takes beside those that grow with its rows."""
        one, large = self.one, self.large
        more = large.num_sequences - one.num_sequences
        if not more:
            return 0.0
        return max(0.0, one.seconds - (large.seconds - one.seconds) / more * one.num_sequences)

    @property
    def forward_share(self) -> float:
        """Share of the time that the forward pass takes."""
        return self.large.forward_s / self.large.seconds


def probe(material: Material, rows: np.ndarray, free_bytes: float) -> Measured | None:
    """Run the longest rows forward and backward; model, optimiser and random state are left as they were.

    Args:
        material: What the run trains with.
        rows: The rows of the largest micro-batch, longest first.
        free_bytes: Memory that activations may take.

    Returns:
        What was measured; None when memory ran out even for one row.
    """
    with untouched(material.forward), weights_held_in(material.forward):
        moving = frozenset(material.report.names)
        for name, parameter in material.forward.model.named_parameters():
            parameter.requires_grad_(name in moving)
        material.forward.model.train()
        return sampled(lambda count: _pass(material, rows[:count]), len(rows), free_bytes)


def sampled(run: Callable[[int], Sample], most: int, free_bytes: float) -> Measured | None:
    """Return a sample of one row and one of as many as time and memory allow.

    Args:
        run: Takes a sample of so many rows.
        most: The rows of the larger sample.
        free_bytes: Memory that activations may take.

    Returns:
        The samples; None when memory ran out even for one row.
    """
    try:
        run(1)  # what torch sets up once is not the batch's
        one = _quickest(run, 1)
        return Measured(one, _quickest(run, _affordable(one, most, free_bytes)))
    except (MemoryError, RuntimeError) as error:
        if not memory.is_exhausted(error):
            raise
    return None


@contextmanager
def untouched(forward: Forward) -> Iterator[None]:
    """Put everything that a training pass changes back at the end: modes, gradients, buffers, random numbers."""
    model = forward.model
    random_state = seeds.state()
    modes = {module: module.training for module in model.modules()}
    moving = {parameter: parameter.requires_grad for parameter in model.parameters()}
    gradients = {parameter: parameter.grad for parameter in model.parameters()}
    buffers = {buffer: buffer.clone() for buffer in model.buffers()}
    for parameter in gradients:
        parameter.grad = None
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
            parameter.requires_grad_(moving[parameter])
        for buffer, content in buffers.items():
            buffer.copy_(content)
        seeds.restore(random_state)
        memory.release()


def _affordable(one: Sample, num_rows: int, free_bytes: float) -> int:
    by_memory = MEMORY_SHARE * free_bytes / max(one.kept_bytes + one.kept_pairs_bytes, 1)
    by_time = BUDGET_S / max(one.seconds, 1e-9)
    return max(1, min(num_rows, int(by_memory), int(by_time)))


def _quickest(run: Callable[[int], Sample], count: int) -> Sample:
    """Return a sample; one so short that a moment's interruption would tell is taken again, and the quickest kept."""
    sample = run(count)
    again = [run(count) for _ in range(RETRIES)] if sample.seconds < SHORT_S else []
    return min([sample, *again], key=lambda one: one.seconds)


def _pass(material: Material, rows: np.ndarray) -> Sample:
    forward = material.forward
    started = now(forward.device)
    batch = _laid_out(material, [material.segments[row] for row in rows]).to(forward.device)
    sequences, tokens = batch.input_ids.shape
    tokens = tokens if batch.cached is not None else forward.width(tokens)
    counter = _Counter(forward.model, batch, tokens)
    with torch.autograd.graph.saved_tensors_hooks(counter.pack, _unpack):
        loss = material.objective.step(forward, batch, material.aids).loss_sum
        penalty = material.retention.penalty(forward.model)
        loss = loss if penalty is None else loss + penalty
    middle = now(forward.device)
    loss.backward()  # type: ignore[no-untyped-call]
    ended = now(forward.device)
    for parameter in forward.model.parameters():
        parameter.grad = None
    return Sample(
        len(rows), sequences, tokens, middle - started, ended - middle, counter.num_bytes, counter.num_pairs_bytes
    )


def _laid_out(material: Material, segments: Sequence[Segments]) -> Batch:
    forward = material.forward
    if all(segment.cached is not None for segment in segments):
        return forward.collate(segments, material.target_kind)
    # Padded even where the run packs, which leaves out padding alone: an upper bound, in the shape that is counted.
    return batching.collate(segments, replace(forward.model.layout, wants_packs=False), material.target_kind)


class _Counter:
    """Counts the memory that autograd keeps, each storage once, beside what is there anyway: the model, the batch."""

    def __init__(self, model: nn.Module, batch: Batch, width: int) -> None:
        there = [*model.parameters(), *model.buffers(), batch.input_ids, batch.attention_mask]
        self._seen = {tensor.untyped_storage().data_ptr() for tensor in there}
        self._width = width
        self.num_bytes = 0
        self.num_pairs_bytes = 0

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            # What is kept stays alive until the backward pass, so no address is given out twice.
            self._seen.add(storage.data_ptr())
            if tensor.ndim > 2 and tensor.shape[-2:] == (self._width, self._width):
                self.num_pairs_bytes += storage.nbytes()
            else:
                self.num_bytes += storage.nbytes()
        return tensor.detach()  # the same memory; the tensor itself would hold its own graph alive


def _unpack(tensor: Tensor) -> Tensor:
    return tensor


def now(device: torch.device) -> float:
    """Return the time in seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
