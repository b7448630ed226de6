"""Bytes that an optimiser remembers, for any optimiser, without making its state.

What optimisers keep for a parameter grows along each of its dimensions: Adam's moments as rows times columns,
Adafactor's as rows plus columns, a step counter not at all. Such a function is multilinear in the shape, so its values
on tiny parameters, 2 or 3 long in each dimension, determine it everywhere. The optimiser is stepped once on those, and
counted: exact for every optimiser of this kind, those of other packages included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from afina.engine.contract import OptimizerMaker
from afina.tuning.contract import Group

_CORNERS = (2, 3)


@dataclass(frozen=True, slots=True)
class _Kind:
    """All that an optimiser may tell parameters apart by, beside their size."""

    group: str
    decays: bool
    dtype: torch.dtype
    num_dimensions: int


def state_bytes(make: OptimizerMaker, groups: Sequence[Group], parameters: Mapping[str, Tensor]) -> int:
    """Return the bytes of the optimiser's state after a step in which every parameter of `groups` moved.

    Args:
        make: Makes the optimiser.
        groups: The parameters that move, by name.
        parameters: Tensors by name, of which shape and type alone are read.
    """
    kinds = {name: _kind(group, parameters[name]) for group in groups for name in group.names}
    if not kinds:
        return 0
    measured = _measured(make, dict.fromkeys(kinds.values()))
    return sum(_at(measured[kind], parameters[name].shape) for name, kind in kinds.items())


def _kind(group: Group, parameter: Tensor) -> _Kind:
    return _Kind(group.name, group.decays, parameter.dtype, parameter.ndim)


def _measured(make: OptimizerMaker, kinds: Mapping[_Kind, None]) -> dict[_Kind, dict[tuple[int, ...], int]]:
    """Return the bytes of state of one tiny parameter per kind and corner."""
    tiny = {
        kind: {corner: _with_gradient(corner, kind.dtype) for corner in _corners(kind.num_dimensions)} for kind in kinds
    }
    asked = [
        {"name": kind.group, "params": list(tiny[kind].values()), "lr": 0.0, "decays": kind.decays} for kind in kinds
    ]
    optimizer = make(asked)
    optimizer.step()
    state = optimizer.state
    return {
        kind: {corner: _num_bytes(state.get(parameter, {})) for corner, parameter in corners.items()}
        for kind, corners in tiny.items()
    }


def _at(measured: Mapping[tuple[int, ...], int], shape: Sequence[int]) -> int:
    """Return the multilinear function through the corners at `shape`."""
    return sum(
        num_bytes
        * math.prod(
            size - _CORNERS[0] if edge == _CORNERS[1] else _CORNERS[1] - size
            for edge, size in zip(corner, shape, strict=True)
        )
        for corner, num_bytes in measured.items()
    )


def _corners(num_dimensions: int) -> list[tuple[int, ...]]:
    return list(itertools.product(_CORNERS, repeat=num_dimensions))


def _with_gradient(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    parameter = torch.ones(shape, dtype=dtype)
    parameter.grad = torch.ones(shape, dtype=dtype)
    return parameter


def _num_bytes(state: Mapping[str, object]) -> int:
    return sum(value.numel() * value.element_size() for value in state.values() if isinstance(value, Tensor))
