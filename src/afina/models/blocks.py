"""Finding a network's blocks by structure: the list of like modules that holds most of its parameters.

No class names are listed, so a network that transformers adds tomorrow is understood today: encoders, decoders, vision
transformers, and the stages of convolutional networks. What the first block's
output depends on stands below the blocks, such as embeddings, and relative positions that every block reads; the rest
of the base stands above them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from afina.base.errors import SourceError
from afina.base.messages import say
from afina.base.types import Family
from afina.models.depths import Blocks
from afina.models.probing import probe_inputs


def discover(network: nn.Module, base_prefix: str, has_own_head: bool) -> Blocks:
    """Return the parameters of a model by depth.

    Args:
        network: The transformers model.
        base_prefix: Attribute under which the network keeps its base (`bert` ...), empty when it is the base.
        has_own_head: Whether what is outside the base is a head.

    Raises:
        SourceError: If no list of like blocks is found, or token ids alone cannot run the base; the message names
            what was seen.
    """
    base = network.get_submodule(base_prefix) if base_prefix else network
    path, blocks = largest_list(base)
    paths = [
        ".".join(part for part in ("network", base_prefix, path, str(depth)) if part) for depth in range(len(blocks))
    ]
    inside = ".".join(part for part in ("network", base_prefix) if part) + "."
    by_block: list[list[str]] = [[] for _ in paths]
    below: list[str] = []
    above: list[str] = []
    head: list[str] = []
    feeding = _feeding(base, blocks[0])
    for name, parameter in network.named_parameters(prefix="network"):
        depth = _block_of(name, paths)
        if depth is not None:
            by_block[depth].append(name)
        elif not name.startswith(inside):
            head.append(name)
        elif id(parameter) in feeding:
            below.append(name)
        else:
            above.append(name)
    if not has_own_head:
        head = ["head.linear.weight", "head.linear.bias"]
    return Blocks(
        embeddings=tuple(below),
        blocks=tuple(tuple(names) for names in by_block),
        paths=tuple(paths),
        top=tuple(above),
        head=tuple(head),
    )


def largest_list(base: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return a network's blocks, and their path in it: the list of like modules with most parameters.

    Raises:
        SourceError: If there is none; the message names what was seen.
    """
    candidates = [
        (name, module)
        for name, module in base.named_modules()
        if isinstance(module, nn.ModuleList)
        and len(module) > 0
        and len({type(child) for child in module}) == 1
        and any(True for _ in module.parameters())
    ]
    if not candidates:
        raise SourceError(
            "E-MODEL-006",
            say("The blocks of {model} cannot be told apart.", model=type(base).__name__),
            expected=say("a list of like modules holding most of the parameters"),
            mend=say(
                "Seen instead: {children}. Choose a transformers encoder, or tell us about this one.",
                children=", ".join(f"{name} ({type(child).__name__})" for name, child in base.named_children()),
            ),
        )
    # A list nested in a block (experts, heads) never outweighs the list of the blocks themselves.
    return max(candidates, key=lambda item: sum(parameter.numel() for parameter in item[1].parameters()))


def family(network: Any) -> Family:
    """Return what kind of network it is, by what it takes and how its first block attends."""
    if network.main_input_name == "pixel_values":
        attends = any(
            isinstance(module, nn.Module) and "Attention" in type(module).__name__ for module in network.modules()
        )
        return "vision-transformer" if attends else "cnn"
    return "decoder" if any(getattr(module, "is_causal", False) for module in network.modules()) else "encoder"


def _feeding(base: Any, first: nn.Module) -> set[int]:
    """Return the identities of the parameters on which the first block's output depends, found by running it."""
    outputs: list[Tensor] = []
    handle = first.register_forward_hook(
        lambda _, __, output: outputs.append(output[0] if isinstance(output, tuple) else output)
    )
    parameters = [parameter for parameter in base.parameters() if parameter.is_floating_point()]
    training = base.training
    # A batch norm in training mode would learn from the probe.
    base.eval()
    try:
        with torch.enable_grad():
            base(**probe_inputs(base))
            gradients = torch.autograd.grad(outputs[0].sum(), parameters, allow_unused=True)
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError) as error:
        raise SourceError(
            "E-MODEL-010",
            say("{model} cannot be run as an encoder: {reason}", model=type(base).__name__, reason=str(error)),
            expected=say("a model that reads token ids alone"),
        ) from error
    finally:
        handle.remove()
        base.train(training)
    pairs = zip(parameters, gradients, strict=True)
    return {id(parameter) for parameter, gradient in pairs if gradient is not None}


def _block_of(name: str, paths: list[str]) -> int | None:
    return next((depth for depth, path in enumerate(paths) if name.startswith(path + ".")), None)
