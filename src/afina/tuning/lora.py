"""LoRA: a low-rank update beside each frozen matrix (Hu et al. 2021, arXiv:2106.09685, eq. 3).

`h = W x + s B A x`, where A (rank, inputs) begins random, B (outputs, rank) at zero, and `s = alpha / rank`. A
convolution gets the same, A as a convolution of its kernel and B of one position.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field, model_validator

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning import _peft_targets
from afina.tuning._peft import ADAPTER, Injected, Plan
from afina.tuning._selection import layer_scales
from afina.tuning.contract import State, Tunable
from afina.tuning.full import learning_rate

if TYPE_CHECKING:
    from torch import Tensor

RATE_OVER_FULL = 10.0
"""How much faster than full fine-tuning LoRA learns best ("LoRA Without Regret", Schulman et al. 2025)."""

FIRST = "first"
"""PEFT's name for the frozen copy of an adapter's first values, taken away from the base's weights."""


class Config(Section):
    """Move a low-rank update beside every linear layer of the blocks, and the head."""

    kind: Literal["lora"] = "lora"
    """The technique's name."""
    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    """Rank of the update, 1 to 1024. 4 to 32 is enough for most classification; the number of weights grows with it."""
    alpha: Annotated[int, Field(ge=1, le=4096)] = 32
    """The update is scaled by alpha / rank (by alpha over the root of rank with `rslora`). Twice the rank is usual."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Probability with which inputs of the update are dropped while training, in [0, 1)."""
    target_modules: Literal["auto"] | Annotated[tuple[str, ...], Field(min_length=1)] = "auto"
    """Layers that get an update. `auto` takes every linear layer of the blocks, and in a CNN every convolution whose
    channels are not in groups; or names such as `[query, value]`: a layer has a name if its path ends with it."""
    variant: Literal["plain", "dora", "rslora"] = "plain"
    """`dora` learns the length of each row of a matrix apart from its direction (arXiv:2402.09353); `rslora` scales by
    the root of the rank, so that high ranks learn too (arXiv:2312.03732)."""
    initialisation: Literal["default", "pissa", "olora"] = "default"
    """What A and B begin with. `default`: random and zero. `pissa`: the strongest directions of each weight, from its
    singular values (arXiv:2404.02948); `olora`: orthogonal ones, from its QR factors (arXiv:2406.01775). Both are
    taken away from the weight, so that the model begins as the base, up to rounding."""
    learning_rate_ratio: Annotated[float, Field(ge=1.0, le=64.0)] = 1.0
    """How much faster B learns than A, 1 to 64 (LoRA+, arXiv:2402.12354, who advise 16 and a lower rate of the run)."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that get no update; 0 gives one to all."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Each block learns at this factor of the block above it, in (0, 1]; 1 treats all alike."""

    @model_validator(mode="after")
    def _begins_in_one_way(self) -> Config:
        if self.variant == "dora" and self.initialisation != "default":
            raise ValueError(
                say("`variant: dora` keeps the length of the base's rows, which `initialisation` would change first.")
            )
        return self


def build(config: Config) -> Injected:
    """Return the tuning that `config` describes."""
    is_default = config.initialisation == "default"
    return Injected(
        "lora", lambda model: plan(model, config), begins_as_base=is_default, interpolates=is_default, held=("lora_A",)
    )


def plan(model: Tunable, config: Any, kind: str = "lora") -> Plan:
    """Return LoRA on one model.

    Args:
        model: The model.
        config: Options with the fields of `Config`.
        kind: The technique's name, for the recipe paths in errors.

    Raises:
        RecipeError: If there is no layer to put it on, or not of the kind that the first values need.
    """
    path = f"tuning.{kind}"
    found = _peft_targets.layers(model, _peft_targets.is_layer, config.freeze_blocks, f"{path}.freeze_blocks")
    targets = _peft_targets.find(config.target_modules, found, f"{path}.target_modules", model)
    begins = {"pissa": _principal, "olora": _orthogonal}.get(config.initialisation)
    if begins is not None:
        _refuse_unfactorable(targets, config, path)
    options = need("peft", extra="train").LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=sorted(targets),
        use_dora=config.variant == "dora",
        use_rslora=config.variant == "rslora",
        fan_in_fan_out=any(map(_peft_targets.is_transposed, targets.values())),
    )
    rate, reason = rule(model)
    return Plan(
        options,
        rate,
        reason,
        layer_scales(model, config.layer_decay),
        {"lora_B": config.learning_rate_ratio},
        undecayed=frozenset({"lora_magnitude_vector"}),
        begin=None if begins is None else lambda tuner: _begin(tuner, begins),
        ship=None if begins is None else _as_plain_lora,
    )


def rule(model: Tunable) -> tuple[float, str]:
    """Return what `auto` means for LoRA's learning rate, and the rule behind it."""
    return RATE_OVER_FULL * learning_rate(model)[0], say(
        "ten times full fine-tuning's rate, at any rank (LoRA Without Regret, Schulman et al. 2025)"
    )


def _refuse_unfactorable(targets: dict[str, Any], config: Any, path: str) -> None:
    smallest = min(map(min, map(_peft_targets.shape_of, targets.values())))
    if not all(map(_peft_targets.is_matrix, targets.values())):
        raise RecipeError(
            "E-TUNING-029",
            say("{kind} begins from the factors of a matrix, and a convolution is none.", kind=config.initialisation),
            where=f"{path}.initialisation",
            mend="initialisation: default",
        )
    if config.rank > smallest:
        raise RecipeError(
            "E-TUNING-030",
            say(
                "{kind} begins from the factors of each matrix; the smallest has only {smallest}.",
                kind=config.initialisation,
                smallest=smallest,
            ),
            where=f"{path}.rank",
            expected=f"1..{smallest}",
        )


def _begin(tuner: Any, factors: Any) -> None:
    """Give A and B their first values, and take those away from the base's weights by a second, frozen adapter.

    The base's own weights stay as they are: `W x + s B A x - s B0 A0 x`.
    """
    tuner.peft_config[FIRST] = replace(tuner.peft_config[ADAPTER])
    tuner.inject_adapter(tuner.model, FIRST)
    with torch.no_grad():
        for layer in _layers(tuner):
            scale, rank = layer.scaling[ADAPTER], layer.r[ADAPTER]
            weight = _peft_targets.weight_of(layer.get_base_layer())
            a, b = factors(weight if weight.dtype == torch.float64 else weight.float(), rank, scale)
            for name in (ADAPTER, FIRST):
                layer.lora_A[name].weight.copy_(a)
                layer.lora_B[name].weight.copy_(b)
            layer.scaling[FIRST] = -scale
    tuner.set_adapter([ADAPTER, FIRST])
    for layer in _layers(tuner):
        layer.lora_A[FIRST].requires_grad_(False)
        layer.lora_B[FIRST].requires_grad_(False)


def _principal(weight: Tensor, rank: int, scale: float) -> tuple[Tensor, Tensor]:
    """Return A (rank, inputs) and B (outputs, rank), the strongest singular directions of a weight (PiSSA, eq. 2-3)."""
    left, values, right = torch.linalg.svd(weight, full_matrices=False)
    root = (values[:rank] / scale).sqrt()
    return root[:, None] * right[:rank], left[:, :rank] * root


def _orthogonal(weight: Tensor, rank: int, scale: float) -> tuple[Tensor, Tensor]:
    """Return A (rank, inputs) and B (outputs, rank), the first QR factors of a weight (OLoRA, algorithm 1)."""
    orthogonal, triangular = torch.linalg.qr(weight)
    return triangular[:rank], orthogonal[:, :rank]


def _as_plain_lora(tuner: Any, config: Any, tensors: State) -> tuple[Any, State]:
    """Return the same update as a LoRA of twice the rank, whose scale is 1: `[s B, -s B0] [A; A0]`."""
    shipped = dict(tensors)
    for path, layer in _named_layers(tuner):
        prefix, scale = f"base_model.model.{path}", layer.scaling[ADAPTER]
        a, b, a0, b0 = (
            getattr(layer, part)[name].weight.detach() for name in (ADAPTER, FIRST) for part in ("lora_A", "lora_B")
        )
        shipped[f"{prefix}.lora_A.weight"] = torch.cat([a, a0])
        shipped[f"{prefix}.lora_B.weight"] = torch.cat([scale * b, -scale * b0], dim=1)
    rank = 2 * config.r
    return replace(config, r=rank, lora_alpha=rank, use_rslora=False), shipped


def _named_layers(tuner: Any) -> list[tuple[str, Any]]:
    layer = need("peft.tuners.lora", extra="train").LoraLayer
    return [(path, module) for path, module in tuner.model.named_modules() if isinstance(module, layer)]


def _layers(tuner: Any) -> list[Any]:
    return [layer for _, layer in _named_layers(tuner)]
