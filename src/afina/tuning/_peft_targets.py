"""Where a technique adds its weights: layers of the blocks, found by what they are or by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.tuning._peft_files import NETWORK
from afina.tuning._selection import frozen_units
from afina.tuning.contract import Tunable

if TYPE_CHECKING:
    from torch import Tensor

Targets = Literal["auto"] | tuple[str, ...]
"""All layers that suit a technique, or the names of some."""


def is_matrix(module: nn.Module) -> bool:
    """Return whether a module is a linear layer, in whichever way its weight is stored."""
    return isinstance(module, nn.Linear) or is_transposed(module)


def is_transposed(module: nn.Module) -> bool:
    """Return whether a module is GPT-2's linear layer, whose weight is (inputs, outputs)."""
    return isinstance(module, need("transformers.pytorch_utils", extra="train").Conv1D)


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is a linear layer or a convolution whose channels are not in groups."""
    return is_matrix(module) or (isinstance(module, nn.Conv2d) and module.groups == 1)


def weight_of(module: Any) -> Tensor:
    """Return a linear layer's weight as (outputs, inputs), dequantised; a view where it can be."""
    weight = module.weight
    if not weight.is_floating_point():
        weight = need("peft.utils.integrations", extra="train").dequantize_module_weight(module)
    return weight.T if is_transposed(module) else weight  # type: ignore[no-any-return]


def shape_of(module: Any) -> tuple[int, int]:
    """Return how many channels a layer gives out and takes in, however its weight is stored."""
    if isinstance(module, nn.Conv2d):
        return module.out_channels, module.in_channels
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    inputs, outputs = module.weight.shape
    return outputs, inputs


def layers(
    model: Tunable, suits: Callable[[nn.Module], bool], freeze_blocks: int = 0, where: str = ""
) -> list[dict[str, nn.Module]]:
    """Return the layers of each block by their path in the network, from the bottom; none of a frozen block.

    Args:
        model: The model.
        suits: Whether a technique can be put on a layer.
        freeze_blocks: Lowest blocks that are left alone.
        where: Dotted recipe path of that number.

    Raises:
        RecipeError: If the base has fewer blocks.
    """
    frozen_units(model, freeze_blocks, where)
    modules = {f"{path}.weight": (path, module) for path, module in model.named_modules() if suits(module)}
    return [
        {path.removeprefix(NETWORK): module for path, module in (modules[name] for name in names if name in modules)}
        for names in model.blocks.blocks[freeze_blocks:]
    ]


def find(
    asked: Targets,
    found: Sequence[Mapping[str, nn.Module]],
    where: str,
    model: Tunable,
) -> dict[str, nn.Module]:
    """Return the layers that a recipe asks for, by their path in the network.

    Args:
        asked: `auto` for all that were found, or names: a layer has a name if its path ends with it.
        found: What `layers` found.
        where: Dotted recipe path of `asked`.
        model: The model, for what is said where nothing was found.

    Raises:
        RecipeError: If there is none, or none of a name that was given.
    """
    known = {path: module for block in found for path, module in block.items()}
    if not known:
        raise RecipeError(
            "E-TUNING-023",
            say(
                "The blocks of {network} that may move hold no layer that this technique can be put on.",
                network=type(model.network).__name__,
            ),
            where=where,
            mend="tuning: full",
        )
    if asked == "auto":
        return known
    problems = [_no_such(name, known, where) for name in asked if not any(_has_name(path, name) for path in known)]
    if problems:
        raise RecipeError(
            "E-TUNING-024",
            say("Layers that were named are not in the blocks that may move."),
            where=where,
            expected=", ".join(dict.fromkeys(path.rpartition(".")[2] for path in known)),
            problems=tuple(problems),
        )
    return {path: module for path, module in known.items() if any(_has_name(path, name) for name in asked)}


def _has_name(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")


def _no_such(name: str, known: Mapping[str, nn.Module], where: str) -> Problem:
    last = list(dict.fromkeys(path.rpartition(".")[2] for path in known))
    near = difflib.get_close_matches(name.rpartition(".")[2], last, n=1)
    return Problem(
        what=say("No layer is called {name}.", name=repr(name)),
        where=where,
        mend=say("Did you mean {name}?", name=near[0]) if near else "",
    )
