"""Memory at its peak: what each moment of a run needs, summed from its parts.

A training step holds weights, gradients, the optimiser's state and the activations of one micro-batch. A checkpoint
copies the weights that move. Judging runs larger batches without keeping anything, and at the end beside a second copy
of the base. The peak is the largest of these moments. The high end counts what an allocator wastes, and that it gives
nothing back: what training took is still there when the base is loaded again.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass

import psutil
import torch
from torch import nn

from afina.base.device import DeviceFacts
from afina.models import quantised
from afina.planning.span import Span

FRAGMENTED = 1.35
"""How much more than was asked for an allocator may hold, measured with glibc on MiniLM."""

GROWTH_BYTES = 150_000_000
"""Memory that libraries take the first time they are used, at most."""

CLOSING_BYTES = 150_000_000
"""Memory of the libraries that compare base and tuned model, at most."""

STEP_COPIES = 3
"""Copies of the largest parameter that an optimiser without a fused step may make for a moment."""


@dataclass(frozen=True, slots=True)
class Room:
    """Memory on the device that trains.

    Attributes:
        used_bytes: What this process holds now: Python, libraries, data, weights.
        free_bytes: What it may still have.
    """

    used_bytes: int
    free_bytes: int

    @property
    def limit_bytes(self) -> int:
        """What the process may hold in all."""
        return self.used_bytes + self.free_bytes

    def shared(self, num_processes: int) -> Room:
        """Return the part of it that one of several alike processes may have."""
        return Room(self.used_bytes, self.free_bytes // num_processes)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run holds, in bytes.

    Attributes:
        weights: The model.
        moving: Those of its weights that move.
        largest: The largest parameter that moves.
        gradients: Gradients of what moves.
        state: The optimiser's state.
        kept: Activations of the largest micro-batch.
        passing: What is there for a moment while it is computed.
        judging: What is there for a moment while held-out rows are judged.
        accumulates: Whether a step has several micro-batches, so that gradients are there during a forward pass.
        base: The base as it came, judged beside the model at the end: in plain numbers even where the model holds them
            in four bits. 0 is what the model's weights take.
    """

    weights: float
    moving: float
    largest: float
    gradients: float
    state: float
    kept: float
    passing: float
    judging: float
    accumulates: bool
    base: float = 0.0


def parts_of(model: nn.Module, names: frozenset[str], state: float) -> Parts:
    """Return the exact parts of a model of which the parameters `names` move; activations are left at zero."""
    parameters = dict(model.named_parameters())
    sizes = {name: quantised.num_bytes(parameter) for name, parameter in parameters.items()}
    moving = sum(sizes[name] for name in names)
    largest = max((sizes[name] for name in names), default=0)
    base = sum(quantised.plain_bytes(parameter) for parameter in parameters.values())
    # A gradient has its parameter's shape and type.
    return Parts(sum(sizes.values()), moving, largest, moving, state, 0.0, 0.0, 0.0, accumulates=False, base=base)


def moments(parts: Parts) -> dict[str, Span]:
    """Return what each moment needs beyond what the process holds before the first step."""
    gradients, state, base = parts.gradients, parts.state, parts.base or parts.weights
    step_high = state + gradients + FRAGMENTED * (parts.kept + parts.passing)
    judging_high = state + FRAGMENTED * parts.judging
    # Backward frees activations while it makes gradients, so without accumulation they need not be there together.
    together = gradients + parts.kept if parts.accumulates else max(gradients, parts.kept)
    return {
        "step": Span(state + together, step_high),
        "descent": Span(state + gradients, state + gradients + STEP_COPIES * parts.largest),
        "checkpoint": Span(state + parts.moving, state + 2 * parts.moving),
        "judging": Span(state + parts.judging, judging_high),
        "comparing": Span(base + parts.judging, max(step_high, judging_high) + base + CLOSING_BYTES),
    }


def peak(parts: Parts, room: Room) -> tuple[Span, str]:
    """Return the most that the process holds at any moment, and the name of the moment that surely needs most."""
    needs = moments(parts)
    name = max(needs, key=lambda moment: needs[moment].low)
    low, high = needs[name].low, max(need.high for need in needs.values())
    return Span(room.used_bytes + low, room.used_bytes + high + GROWTH_BYTES), name


def room(model: nn.Module, device: torch.device, facts: DeviceFacts) -> Room:
    """Return the memory that is there, once everything before the first step has been loaded.

    Args:
        model: The model; its weights are read once, since a file mapped into memory takes none until then.
        device: Where it trains.
        facts: The machine, looked at now.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return Room(torch.cuda.memory_reserved(device), free)
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    for parameter in model.parameters():
        parameter.detach().sum()
    used = process.memory_info().rss
    return Room(used, max(0, facts.memory_available_bytes - max(0, used - before)))


def shown(parts: Parts) -> dict[str, int]:
    """Return the parts that a reader wants to see, by name."""
    return {name: round(getattr(parts, name)) for name in ("weights", "gradients", "state", "kept")}
