"""Finding a network's blocks by structure: the list of like modules that holds most of its parameters.

No class names are listed, so an encoder that transformers adds tomorrow is understood today. What is registered before the
list stands below the blocks, what is registered after it stands above them.
"""

from __future__ import annotations

from torch import nn

from afina.base.errors import SourceError
from afina.base.messages import say
from afina.models.contract import Blocks


def discover(network: nn.Module, base_prefix: str, has_own_head: bool) -> Blocks:
    """Return the parameters of a model by depth.

    Args:
        network: The transformers model.
        base_prefix: Attribute under which the network keeps its base (`bert`, `roberta` ...), empty when it is the base.
        has_own_head: Whether what is outside the base is a head.

    Raises:
        SourceError: If no list of like blocks is found; the message names what was seen.
    """
    base = network.get_submodule(base_prefix) if base_prefix else network
    path, blocks = _largest_list(base)
    paths = [
        ".".join(part for part in ("network", base_prefix, path, str(depth)) if part) for depth in range(len(blocks))
    ]
    inside = ".".join(part for part in ("network", base_prefix) if part) + "."
    by_block: list[list[str]] = [[] for _ in paths]
    below: list[str] = []
    above: list[str] = []
    head: list[str] = []
    seen_block = False
    for name, _ in network.named_parameters(prefix="network"):
        depth = _block_of(name, paths)
        if depth is not None:
            by_block[depth].append(name)
            seen_block = True
        elif not name.startswith(inside):
            head.append(name)
        elif seen_block:
            above.append(name)
        else:
            below.append(name)
    if not has_own_head:
        head = ["head.linear.weight", "head.linear.bias"]
    return Blocks(
        embeddings=tuple(below),
        blocks=tuple(tuple(names) for names in by_block),
        paths=tuple(paths),
        top=tuple(above),
        head=tuple(head),
    )


def _largest_list(base: nn.Module) -> tuple[str, nn.ModuleList]:
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


def _block_of(name: str, paths: list[str]) -> int | None:
    return next((depth for depth, path in enumerate(paths) if name.startswith(path + ".")), None)
