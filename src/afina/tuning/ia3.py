"""IA3: learnt factors on keys, values and what the feed-forward layer reads (Liu et al. 2022, arXiv:2205.05638).

`softmax(q (l_k * k)) (l_v * v)` and `W2 (l_ff * act(W1 x))` (sec. 3.3), every factor 1 at the start: about a
ten-thousandth of the base's weights learn. Few weights need a high rate, and enough steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning import _peft_targets
from afina.tuning._peft import Injected, Plan
from afina.tuning._peft_files import NETWORK
from afina.tuning._selection import layer_scales
from afina.tuning.contract import Tunable

RATE = 3e-3
"""The rate that the paper's recipe T-Few trains at."""

KEY_OR_VALUE = frozenset({"k", "v", "key", "value", "kv"})
"""Words in the name of a layer that makes keys or values."""


class Config(Section):
    """Move factors on keys, values and feed-forward layers, and the head."""

    kind: Literal["ia3"] = "ia3"
    """The technique's name."""
    target_modules: Literal["auto"] | Annotated[tuple[str, ...], Field(min_length=1)] = "auto"
    """Layers whose outputs get a factor each. `auto` takes those that make keys and values (where one layer makes
    queries too, all it makes), and in a CNN every convolution; or names such as `[key, value]`: a layer has a name if
    its path ends with it."""
    feedforward_modules: Literal["auto"] | tuple[str, ...] = "auto"
    """Layers whose inputs get a factor each. `auto` takes the second layer of every feed-forward part: the one that
    reads its widest vector; none in a CNN. `[]` takes none."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that get no factors; 0 gives them to all."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Each block learns at this factor of the block above it, in (0, 1]; 1 treats all alike."""


def build(config: Config) -> Injected:
    """Return the tuning that `config` describes."""
    return Injected("ia3", lambda model: _plan(model, config))


def _plan(model: Tunable, config: Config) -> Plan:
    found = _peft_targets.layers(model, _peft_targets.is_layer, config.freeze_blocks, "tuning.ia3.freeze_blocks")
    attending = _attending(model)
    fed = _chosen(config, "feedforward_modules", found, model, attending)
    outputs = _chosen(config, "target_modules", found, model, attending)
    if not outputs:
        raise RecipeError(
            "E-TUNING-031",
            say("The layers that make keys and values cannot be told apart in {network}.", network=_name(model)),
            where="tuning.ia3.target_modules",
            mend=say("Name them: target_modules: [key, value]"),
        )
    targets = {**outputs, **fed}
    options = need("peft", extra="train").IA3Config(
        target_modules=sorted(targets),
        feedforward_modules=sorted(fed),
        fan_in_fan_out=any(map(_peft_targets.is_transposed, targets.values())),
    )
    return Plan(
        options,
        RATE,
        say("the rate of the paper's recipe T-Few (arXiv:2205.05638, sec. 3.3)"),
        layer_scales(model, config.layer_decay),
        undecayed=frozenset({"ia3_l"}),
    )


def _chosen(
    config: Config, name: str, found: Sequence[Mapping[str, nn.Module]], model: Tunable, attending: tuple[str, ...]
) -> dict[str, nn.Module]:
    """Return the layers of one of the two kinds."""
    asked = getattr(config, name)
    if asked != "auto" or not any(found):
        return _peft_targets.find(asked, found, f"tuning.ia3.{name}", model) if asked else {}
    if model.family == "cnn":
        return {path: layer for block in found for path, layer in block.items()} if name == "target_modules" else {}
    pick = _keys_and_values if name == "target_modules" else _feed_forward
    return {path: layer for block in found for path, layer in pick(block, attending).items()}


def _keys_and_values(block: Mapping[str, nn.Module], attending: tuple[str, ...]) -> dict[str, nn.Module]:
    inside = {path: layer for path, layer in block.items() if path.startswith(attending)}
    named = {
        path: layer
        for path, layer in inside.items()
        if KEY_OR_VALUE.intersection(re.split(r"[_\d]", path.rpartition(".")[2]))
    }
    # One layer that makes queries, keys and values gives out more than it takes in.
    return named or {path: layer for path, layer in inside.items() if _wider(layer) > 0}


def _feed_forward(block: Mapping[str, nn.Module], attending: tuple[str, ...]) -> dict[str, nn.Module]:
    outside = {path: layer for path, layer in block.items() if not path.startswith(attending)}
    widest = max((_peft_targets.shape_of(layer)[1] for layer in outside.values()), default=0)
    return {
        path: layer
        for path, layer in outside.items()
        if _wider(layer) < 0 and _peft_targets.shape_of(layer)[1] == widest
    }


def _wider(layer: nn.Module) -> int:
    outputs, inputs = _peft_targets.shape_of(layer)
    return outputs - inputs


def _attending(model: Tunable) -> tuple[str, ...]:
    """Return what the paths of layers begin with that are part of an attention."""
    return tuple(
        f"{path.removeprefix(NETWORK)}."
        for path, module in model.named_modules()
        if "attention" in type(module).__name__.lower() and not isinstance(module, nn.ModuleList)
    )


def _name(model: Tunable) -> str:
    return type(model.network).__name__
