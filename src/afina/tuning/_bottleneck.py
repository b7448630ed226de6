"""A bottleneck beside a projection: down, a non-linearity, up, added to what the projection gives.

It hangs on the projection as a module of its own and acts through a hook, so the projection stays what it was: its
class, its name, its weights, and whatever code reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Nonlinearity = Literal["gelu", "relu", "swish", "tanh"]
"""What stands between down and up."""

FUNCTIONS = {"gelu": "gelu", "relu": "relu", "swish": "silu", "tanh": "tanh"}
"""What `torch.nn.functional` calls it."""

NAME = "bottleneck"
"""The attribute of the projection that holds it."""


class Bottleneck(nn.Module):
    """What is added: `scale * up(function(down(states)))`, zero while it is fresh.

    Args:
        width: Width of what it reads and gives.
        size: Width of its middle.
        function: What `torch.nn.functional` calls what stands in the middle.
        scale: Factor on what it adds.
        dropout: Probability with which a number that it adds is left out while training.
    """

    def __init__(self, width: int, size: int, function: str, scale: float, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(width, size)
        self.up = nn.Linear(size, width)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.dropout = nn.Dropout(dropout)
        self.function = function
        self.scale = scale
        self.handles: list[Any] = []
        self._kept: Tensor | None = None

    def forward(self, states: Tensor) -> Tensor:
        """Return what is added for `states`, both of shape (..., width)."""
        middle = getattr(functional, self.function)(self.down(states))
        return self.dropout(self.up(middle)) * self.scale  # type: ignore[no-any-return]

    def keep(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        """Remember what a module is about to read: a hook for before it runs."""
        self._kept = args[0]

    def take(self) -> Tensor:
        """Return what was kept, once."""
        kept, self._kept = self._kept, None
        assert kept is not None, "the feed-forward part ended before it began"
        return kept


def put_on(network: nn.Module, output: str, bottleneck: Bottleneck, read: str | None = None) -> None:
    """Hang a bottleneck on a projection.

    Args:
        network: The network.
        output: Path of the projection to whose output it adds.
        bottleneck: The bottleneck.
        read: Path of the module whose input it reads; None where it reads that output.
    """
    projection = network.get_submodule(output)
    assert not hasattr(projection, NAME), "a projection takes one bottleneck"
    weight = next(projection.parameters())
    # A quantised projection keeps whole numbers.
    bottleneck.to(weight.device, weight.dtype if weight.is_floating_point() else None)
    bottleneck.train(projection.training)
    projection.add_module(NAME, bottleneck)
    if read is None:
        bottleneck.handles.append(projection.register_forward_hook(_add_behind))
    else:
        bottleneck.handles.append(network.get_submodule(read).register_forward_pre_hook(bottleneck.keep))
        bottleneck.handles.append(projection.register_forward_hook(_add_beside))


def take_off(modules: Iterable[nn.Module]) -> None:
    """Take every bottleneck off the projections among `modules`."""
    for module in list(modules):
        bottleneck = getattr(module, NAME, None)
        if isinstance(bottleneck, Bottleneck):
            for handle in bottleneck.handles:
                handle.remove()
            delattr(module, NAME)


def _add_behind(projection: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    added: Tensor = projection.bottleneck(output)
    return torch.add(output, added)


def _add_beside(projection: Any, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
    added: Tensor = projection.bottleneck(projection.bottleneck.take())
    return torch.add(output, added)
