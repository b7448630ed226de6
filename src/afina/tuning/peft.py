"""Any method of the PEFT library by its name, with its own options.

What has a technique of its own here (`lora`, `ia3`, `vera`, `prompt` ...) is better reached through that: those know
their learning rate and their way back to the base. The rest is tried on the network before anything is trained.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError

from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning import _peft_files, _peft_targets
from afina.tuning._peft import Injected, Plan
from afina.tuning._selection import layer_scales
from afina.tuning.contract import Tunable
from afina.tuning.lora import rule
from afina.tuning.norm import is_norm

SETTLED = frozenset(
    {
        "peft_type",
        "task_type",
        "auto_mapping",
        "peft_version",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
        "modules_to_save",
        "runtime_config",
    }
)
"""Options of PEFT that a run settles itself."""


class Config(Section):
    """Move what a method of the PEFT library adds, and the head."""

    kind: Literal["peft"] = "peft"
    """The technique's name."""
    method: str
    """PEFT's name of the method, such as `loha`, `lokr`, `boft`, `oft`, `hra`, `fourierft`, `hira` or `delora`; hyphen
    and underscore, capitals and small letters are the same. Not every method works on every kind of model."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The method's own options, by the names that they have in PEFT's config for it. Where it wants `target_modules`
    and none are given, it gets every linear layer of the blocks and every convolution, or every normalisation layer
    where it tunes those."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks in which no layer is chosen; 0 for none. Layers that `options` names are not held back."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Each block learns at this factor of the block above it, in (0, 1]; 1 treats all alike."""


def build(config: Config) -> Injected:
    """Return the tuning that `config` describes.

    Raises:
        RecipeError: If PEFT has no such method, or the method no such option.
    """
    method = _method(config.method)
    options = _options(method, config.options)
    return Injected(
        "peft",
        lambda model: _plan(model, config, method, options),
        # What it turns out to be is seen when it is put on.
        begins_as_base=False,
        interpolates=False,
        is_tried=True,
    )


def _plan(model: Tunable, config: Config, method: Any, options: Mapping[str, Any]) -> Plan:
    config_class = need("peft.mapping", extra="train").PEFT_TYPE_TO_CONFIG_MAPPING[method]
    fields = {field.name for field in dataclasses.fields(config_class)}
    if "modules_to_save" not in fields and _peft_files.head_modules(model):
        raise RecipeError(
            "E-TUNING-036",
            say("PEFT saves no head beside {method}, and here the head is part of the network.", method=config.method),
            where="tuning.peft.method",
            mend="task: {kind: text-classification, pooling: mean}",
        )
    chosen = dict(options)
    if "target_modules" in fields and "target_modules" not in chosen and method.value != "TRAINABLE_TOKENS":
        suits = is_norm if method.value == "LN_TUNING" else _peft_targets.is_layer
        found = _peft_targets.layers(model, suits, config.freeze_blocks, "tuning.peft.freeze_blocks")
        chosen["target_modules"] = sorted(_peft_targets.find("auto", found, "tuning.peft.options", model))
    if "fan_in_fan_out" in fields and "fan_in_fan_out" not in chosen:
        chosen["fan_in_fan_out"] = _has_transposed(model)
    try:
        settled = config_class(**chosen)
    except (ValueError, TypeError) as error:
        raise RecipeError(
            "E-TUNING-032",
            say("PEFT refuses these options of {method}: {reason}", method=config.method, reason=str(error)),
            where="tuning.peft.options",
        ) from error
    rate, reason = rule(model)
    return Plan(
        settled,
        rate,
        say("LoRA's rule, for want of one for {method}: {reason}", method=config.method, reason=reason),
        layer_scales(model, config.layer_decay),
    )


def _has_transposed(model: Tunable) -> bool:
    return any(_peft_targets.is_transposed(module) for _, module in model.named_modules())


def _method(name: str) -> Any:
    """Return PEFT's type for a method.

    Raises:
        RecipeError: If there is none, or it cannot be used here; the reason and what to take instead are named.
    """
    known = {kind.value: kind for kind in need("peft", extra="train").PeftType}
    wanted = name.upper().replace("-", "_")
    if wanted not in known:
        near = difflib.get_close_matches(wanted, list(known), n=1)
        raise RecipeError(
            "E-TUNING-033",
            say("PEFT has no method {name}.", name=repr(name)),
            where="tuning.peft.method",
            expected=", ".join(sorted(method.lower() for method in known if method not in _elsewhere())),
            mend=say("Did you mean {name}?", name=near[0].lower()) if near else "",
        )
    if wanted in _elsewhere():
        reason, mend = _elsewhere()[wanted]
        raise RecipeError("E-TUNING-034", reason, where="tuning.peft.method", mend=mend)
    return known[wanted]


def _elsewhere() -> dict[str, tuple[str, str]]:
    """Return the methods that are not reached from here, why, and what is there instead."""
    prompts = say("It learns a prompt, which is a technique of its own here.")
    return {
        "PROMPT_TUNING": (prompts, "tuning: prompt"),
        "MULTITASK_PROMPT_TUNING": (prompts, "tuning: prompt"),
        "CPT": (prompts, "tuning: prompt"),
        "PREFIX_TUNING": (prompts, "tuning: prefix"),
        "CARTRIDGE": (prompts, "tuning: prefix"),
        "P_TUNING": (prompts, "tuning: p-tuning"),
        "ADAPTION_PROMPT": (say("It learns a prompt that only a few decoders can take."), "tuning: prefix"),
        "IA3": (say("It is a technique of its own here, which finds its layers by itself."), "tuning: ia3"),
        "ADALORA": (say("It must be told of every step, which changes its ranks while it learns."), "tuning: lora"),
        "XLORA": (say("It mixes adapters that were trained before."), "tuning: lora"),
        "POLY": (say("It must be told the task of every row."), "tuning: lora"),
        "SHADOW": (say("It lets a second, smaller network run beside the base."), "tuning: adapter"),
    }


def _options(method: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as PEFT's config takes them.

    Raises:
        RecipeError: With every option that there is not, or that has the wrong type.
    """
    config_class = need("peft.mapping", extra="train").PEFT_TYPE_TO_CONFIG_MAPPING[method]
    types = typing.get_type_hints(config_class)
    known = {field.name: types[field.name] for field in dataclasses.fields(config_class) if field.name not in SETTLED}
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in given.items():
        if name not in known:
            problems.append(_unknown(name, list(known)))
            continue
        try:
            read[name] = _adapter(known[name]).validate_json(json.dumps(value), strict=True)
        except ValidationError:
            problems.append(_of_wrong_type(name, value, known[name]))
    if problems:
        raise RecipeError(
            "E-TUNING-035",
            say("The options of PEFT's method {method} cannot be used as they are.", method=method.value.lower()),
            where="tuning.peft.options",
            problems=tuple(problems),
        )
    return read


def _adapter(wanted: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(wanted, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        # A type with a configuration of its own, such as a dataclass, takes none from here.
        return TypeAdapter(wanted)


def _unknown(name: str, known: list[str]) -> Problem:
    if name in SETTLED:
        return Problem(what=say("The run settles this itself."), where=f"tuning.peft.options.{name}")
    near = difflib.get_close_matches(name, known, n=1)
    return Problem(
        what=say("There is no option {name}.", name=repr(name)),
        where=f"tuning.peft.options.{name}",
        expected=", ".join(sorted(known)),
        mend=say("Did you mean {name}?", name=near[0]) if near else "",
    )


def _of_wrong_type(name: str, value: Any, wanted: Any) -> Problem:
    return Problem(
        what=say("{value} is not of the type that this option has.", value=json.dumps(value)),
        where=f"tuning.peft.options.{name}",
        expected=wanted.__name__ if isinstance(wanted, type) else str(wanted).replace("typing.", ""),
    )
