"""An optimiser over the groups of a tuning: built, given its learning rates, saved and restored by parameter name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from afina.engine.checkpoint import State
from afina.engine.contract import Optimizer, OptimizerMaker, Trained
from afina.tuning.contract import Group


@dataclass(eq=False)
class Optimizing:
    """The optimiser of a run.

    Attributes:
        optimizer: The torch optimiser.
        groups: The tuning's groups, in the order of the optimiser's own.
        parameters: Every parameter that moves, by name.
    """

    optimizer: Optimizer
    groups: tuple[Group, ...]
    parameters: Mapping[str, Tensor]

    @classmethod
    def over(cls, model: Trained, groups: tuple[Group, ...], make: OptimizerMaker) -> Optimizing:
        """Return the optimiser that `make` makes of a model's groups."""
        named = dict(model.named_parameters())
        parameters = {name: named[name] for group in groups for name in group.names}
        asked = [
            {"name": group.name, "params": [named[name] for name in group.names], "lr": 0.0, "decays": group.decays}
            for group in groups
        ]
        return cls(make(asked), groups, parameters)

    def step(self, learning_rate: float) -> None:
        """Take one step; a group learns at its scale of `learning_rate`. Parameters without a gradient stay."""
        for group, torch_group in zip(self.groups, self.optimizer.param_groups, strict=True):
            torch_group["lr"] = learning_rate * group.learning_rate_scale * torch_group.get("factor", 1.0)
        self.optimizer.step()

    def gradients(self) -> list[Tensor]:
        """Return the gradients that there are."""
        return [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]

    def forget_gradients(self) -> None:
        """Drop every gradient."""
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> State:
        """Return the optimiser's memory, each tensor under `parameter|what`."""
        tensors: dict[str, Tensor] = {}
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            for what, value in self.optimizer.state.get(parameter, {}).items():
                (tensors if isinstance(value, Tensor) else values)[f"{name}|{what}"] = value
        return State(tensors, values)

    def load(self, state: State) -> None:
        """Put back what `state` returned, onto each parameter's device."""
        by_name: dict[str, dict[str, Any]] = {}
        for key, value in {**state.tensors, **state.values}.items():
            name, what = key.rsplit("|", 1)
            by_name.setdefault(name, {})[what] = value
        for optimizer in getattr(self.optimizer, "parts", [self.optimizer]):
            optimizer.load_state_dict(self._torch_state(optimizer, by_name))

    def _torch_state(self, optimizer: Any, by_name: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        # torch numbers parameters in the order of its groups; its own loading moves tensors to the right device and
        # type.
        names = {id(parameter): name for name, parameter in self.parameters.items()}
        described = optimizer.state_dict()
        order = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
        described["state"] = {number: by_name[name] for number, name in enumerate(order) if name in by_name}
        return described  # type: ignore[no-any-return]


def gradient_norm(gradients: list[Tensor]) -> float:
    """Return the Euclidean norm over all gradients, in float64 whatever their type."""
    if not gradients:
        return 0.0
    norms = torch.stack([norm.double() for norm in torch._foreach_norm(gradients)])
    return float(norms.square().sum().sqrt())


def scale_(gradients: list[Tensor], factor: float) -> None:
    """Multiply all gradients in place."""
    if gradients:
        torch._foreach_mul_(gradients, factor)
