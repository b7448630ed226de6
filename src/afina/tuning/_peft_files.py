"""PEFT's files: what a technique added, by PEFT's names, beside the head where that is part of the network.

`adapter_config.json` says what was added and where, `adapter_model.safetensors` holds it; plain `peft` reads both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afina.base import durable
from afina.base.errors import Problem, SourceError
from afina.base.messages import say
from afina.base.optional import need
from afina.tuning.contract import State, Tunable

if TYPE_CHECKING:
    from torch import Tensor, nn

CONFIG_FILE = "adapter_config.json"
"""What was added and where, as PEFT writes it."""

WEIGHTS_FILE = "adapter_model.safetensors"
"""The weights that were added, as PEFT writes them."""

NETWORK = "network."
"""What the names of a model's parameters begin with where they are the network's."""

PREFIX = "base_model.model."
"""What PEFT's names begin with."""

USAGE = """\
from peft import PeftModel
network = PeftModel.from_pretrained(network, FOLDER)
"""
"""The lines that put PEFT's files on a plain `network`."""


def write(
    folder: Path, config: Any, tensors: Mapping[str, Tensor], base: str, model: Tunable, prefix: str = PREFIX
) -> None:
    """Write an adapter as PEFT does.

    Args:
        folder: A folder that exists.
        config: PEFT's config; it is left as it is.
        tensors: The adapter's weights by PEFT's names, which hold no adapter's name; the head's are added here.
        base: How others find the base.
        model: The model, for its head and what it is for.
        prefix: What PEFT's names of the head's weights begin with.
    """
    heads = head_state(model, prefix)
    own = config.to_dict()
    document = {name: sorted(value) if isinstance(value, set) else value for name, value in own.items()}
    document["base_model_name_or_path"] = base
    document["inference_mode"] = True
    document["task_type"] = task_type(model)
    if "modules_to_save" in document:
        document["modules_to_save"] = head_modules(model) or None
    if document["task_type"] is None:
        network = type(model.network)
        document["auto_mapping"] = {"base_model_class": network.__name__, "parent_library": network.__module__}
    durable.write_json(folder / CONFIG_FILE, dict(sorted(document.items())))
    durable.write_tensors(folder / WEIGHTS_FILE, {**tensors, **heads}, {"format": "pt"})


def read(folder: Path) -> tuple[Any, dict[str, Tensor]]:
    """Return PEFT's config and the tensors that `write`, or PEFT itself, put into a folder.

    Raises:
        SourceError: If a file is missing or cannot be understood.
    """
    missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
    if missing:
        raise SourceError(
            "E-TUNING-020",
            say("{folder} holds no adapter that PEFT can read.", folder=str(folder)),
            where=str(folder / missing[0]),
            expected=f"{CONFIG_FILE}, {WEIGHTS_FILE}",
        )
    peft = need("peft", extra="train")
    try:
        config = peft.PeftConfig.from_peft_type(**json.loads((folder / CONFIG_FILE).read_text("utf-8")))
        tensors = need("safetensors.torch", extra="train").load_file(folder / WEIGHTS_FILE)
    except (ValueError, KeyError, TypeError, need("safetensors", extra="train").SafetensorError) as error:
        raise SourceError(
            "E-TUNING-021",
            say("The adapter in {folder} cannot be read: {reason}", folder=str(folder), reason=str(error)),
            where=str(folder),
        ) from error
    return config, tensors


def check(folder: Path, found: State, expected: State) -> None:
    """Refuse weights that do not fit what stands in the network.

    Args:
        folder: Where they were read.
        found: The weights that were read, by PEFT's names.
        expected: The weights that stand in the network, by the same names.

    Raises:
        SourceError: With every weight that is missing, unexpected or of another shape.
    """
    problems = [
        Problem(what=say("A weight is missing."), where=name) for name in sorted(expected.keys() - found.keys())
    ]
    problems += [
        Problem(what=say("This weight belongs to no part of the base."), where=name)
        for name in sorted(found.keys() - expected.keys())
    ]
    problems += [
        Problem(
            what=say("A weight has the shape {found}.", found=tuple(weight.shape)),
            where=name,
            expected=str(tuple(expected[name].shape)),
        )
        for name, weight in sorted(found.items())
        if name in expected and weight.shape != expected[name].shape
    ]
    if problems:
        raise SourceError(
            "E-TUNING-022",
            say("The adapter in {folder} does not fit this base.", folder=str(folder)),
            where=str(folder / WEIGHTS_FILE),
            mend=say("Give the base that it was made on."),
            problems=tuple(problems[:10]),
        )


def head_modules(model: Tunable) -> list[str]:
    """Return the modules of the network that the task added, by their paths; empty where the head is beside it."""
    head = set(model.blocks.head)
    others = {
        path for name, _ in model.named_parameters() if name not in head for path in _around(name.removeprefix(NETWORK))
    }
    return list(
        dict.fromkeys(
            next(path for path in _around(name.removeprefix(NETWORK)) if path not in others)
            for name in model.blocks.head
            if name.startswith(NETWORK)
        )
    )


def _around(name: str) -> list[str]:
    """Return the paths of the modules around a parameter, the outermost first."""
    parts = name.split(".")[:-1]
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def head_parameters(model: Tunable, prefix: str = PREFIX) -> dict[str, nn.Parameter]:
    """Return the parameters of the head inside the network, by PEFT's names, which begin with `prefix`."""
    inside = {name for name in model.blocks.head if name.startswith(NETWORK)}
    return {
        prefix + name.removeprefix(NETWORK): parameter for name, parameter in model.named_parameters() if name in inside
    }


def head_state(model: Tunable, prefix: str = PREFIX) -> dict[str, Tensor]:
    """Return the weights of the head inside the network, by PEFT's names, which begin with `prefix`."""
    return {name: parameter.detach() for name, parameter in head_parameters(model, prefix).items()}


def task_type(model: Tunable) -> str | None:
    """Return PEFT's word for what the network is for, or None where PEFT has none, as for images."""
    if model.family not in {"encoder", "decoder"}:
        return None
    return "SEQ_CLS" if head_modules(model) else "FEATURE_EXTRACTION"
