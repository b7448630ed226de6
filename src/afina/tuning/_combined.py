"""Several LoRA adapters of one base as one: the sum of their updates, or less of it.

The update of a weight is the product of two factors, so it is the products that are summed, never the factors: the mean
of the factors is not the mean of the updates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.tuning import _peft_files
from afina.tuning._peft import ADAPTER, Injected, Plan, View, injected
from afina.tuning._peft_files import CONFIG_FILE
from afina.tuning.contract import State, Tunable

Method = Literal["mean", "svd", "ties", "dare"]
"""How updates are summed: exactly; exactly, then cut to a rank; or after resolving what stands against what."""

COMBINATIONS = {"mean": "cat", "svd": "svd", "ties": "ties_svd", "dare": "dare_linear_svd"}
"""PEFT's names of them; its `linear` and its `ties` and `dare_linear` without `svd` work on the factors."""

DENSITIES = {"ties": 0.2, "dare": 0.5}
"""Share of each update that is kept: the largest fifth (TIES, arXiv:2306.01708), a random half (DARE,
arXiv:2311.03099)."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How adapters become one.

    Attributes:
        method: `mean` sums the updates exactly; `svd` then keeps the strongest directions; `ties` drops small entries
            and those whose sign loses the vote; `dare` drops entries at random and scales up the others.
        weights: Factor of each adapter's update; None for the mean: 1/n each, and 1 with `ties`, which takes the mean
            itself.
        rank: Rank of the result for `svd`, `ties` and `dare`; None for the highest of the adapters with `svd`, and
            otherwise for whatever loses nothing.
        density: Share of each update that `ties` and `dare` keep, in (0, 1]; None for 0.2 and 0.5.
        seed: Seed of what `dare` drops.
    """

    method: Method = "mean"
    weights: tuple[float, ...] | None = None
    rank: int | None = None
    density: float | None = None
    seed: int = 42


def combine(model: Tunable, folders: Sequence[Path], mix: Mix) -> Injected:
    """Put the mix of several adapters on a fresh base, and return the tuning that holds it.

    A head inside the network becomes the weighted mean of theirs.

    Args:
        model: The base, with the head that all of them have.
        folders: What `save` wrote.
        mix: How they are mixed.

    Raises:
        RecipeError: If one of them is no plain LoRA.
        SourceError: If one cannot be read, or does not fit the base.
    """
    adapters = [_peft_files.read(folder) for folder in folders]
    _refuse_others(folders, [config for config, _ in adapters])
    weights = weights_of(mix, len(folders))
    names = [f"part_{place}" for place in range(len(adapters))]
    heads = _peft_files.head_parameters(model)
    tuning = Injected("lora", _is_on_already)
    model.rewire(lambda network: _put_on(tuning, network, adapters, names))
    view = View(tuning.tuner)
    peft = need("peft", extra="train")
    for name, folder, (_, tensors) in zip(names, folders, adapters, strict=True):
        standing = peft.get_peft_model_state_dict(view, adapter_name=name, save_embedding_layers=False)
        _peft_files.check(folder, tensors, {**standing, **heads})
        own = {key: tensor for key, tensor in tensors.items() if key not in heads}
        peft.set_peft_model_state_dict(view, own, name)
    model.rewire(lambda network: _mixed(tuning.tuner, network, names, weights, mix))
    mean = mean_of([tensors for _, tensors in adapters], weights, heads)
    with torch.no_grad():
        for key, parameter in heads.items():
            parameter.copy_(mean[key])
    return tuning


def weights_of(mix: Mix, count: int) -> list[float]:
    """Return the factor of each of `count` updates."""
    if mix.weights is not None:
        return list(mix.weights)
    return [1.0 if mix.method == "ties" else 1.0 / count] * count


def mean_of(states: Sequence[State], weights: Sequence[float], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weighted mean of what several states hold by each of `names`."""
    total = sum(weights)
    return {
        name: torch.stack([weight / total * state[name] for state, weight in zip(states, weights, strict=True)]).sum(0)
        for name in names
    }


def _refuse_others(folders: Sequence[Path], configs: Sequence[Any]) -> None:
    problems = [
        Problem(what=say("This is no plain LoRA, whose updates can be summed."), where=str(folder / CONFIG_FILE))
        for folder, config in zip(folders, configs, strict=True)
        if config.peft_type != "LORA" or config.use_dora or config.bias != "none"
    ]
    if problems:
        raise RecipeError(
            "E-TUNING-037",
            say("Only LoRA adapters can be mixed."),
            mend=say("Load them side by side instead, and switch."),
            problems=tuple(problems),
        )


def _put_on(tuning: Injected, network: Any, adapters: Sequence[tuple[Any, Any]], names: Sequence[str]) -> Any:
    for name, (config, _) in zip(names, adapters, strict=True):
        config.modules_to_save = None
        if tuning.tuner is None:
            tuning.tuner = injected(tuning.kind, network, config, name)
        else:
            tuning.tuner.peft_config[name] = config
            tuning.tuner.inject_adapter(network, name)
    # The mix inherits this, and its factors hold every scale already.
    tuning.tuner.peft_config[names[0]].use_rslora = False
    return network


def _mixed(tuner: Any, network: Any, names: Sequence[str], weights: Sequence[float], mix: Mix) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix.seed)
        tuner.add_weighted_adapter(
            list(names),
            list(weights),
            ADAPTER,
            combination_type=COMBINATIONS[mix.method],
            svd_rank=mix.rank or (_lossless(tuner) if mix.method in DENSITIES else None),
            svd_full_matrices=False,
            density=mix.density or DENSITIES.get(mix.method),
        )
    tuner.set_adapter(ADAPTER, inference_mode=True)
    for name in names:
        tuner.delete_adapter(name)
    return network


def _is_on_already(model: Tunable) -> Plan:
    raise AssertionError("a mix is put on the network when it is made")


def _lossless(tuner: Any) -> int:
    layer = need("peft.tuners.lora", extra="train").LoraLayer
    found = [module for module in tuner.model.modules() if isinstance(module, layer)]
    return max(min(int(module.in_features), int(module.out_features)) for module in found)
