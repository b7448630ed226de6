"""Where a block adds to its residual stream: the last projection of its attention part and of its feed-forward part.

No class names are listed. One small input is run through the network twice over, side by side, and at the door of each
block the second copy is made to differ from the first at the first position alone. The first projection whose output
differs at the last position is the one that stands behind the attention; the last one as wide as the block, from what
is wider, ends the feed-forward part.

Shapes: T positions, H the block's width, F the width inside its feed-forward part.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.tuning.contract import Tunable


@dataclass(frozen=True, slots=True)
class Residual:
    """The projections of one block, by their module paths inside the network.

    Attributes:
        attention_output: Ends the attention part, H wide.
        feed_input: Begins the feed-forward part: from H to F.
        feed_output: Ends it: from F to H.
        width: H.
    """

    attention_output: str
    feed_input: str
    feed_output: str
    width: int


@dataclass(frozen=True, slots=True)
class _Projection:
    path: str
    reads: int
    writes: int
    mixes: bool


def residuals(model: Tunable, where: str) -> list[Residual]:
    """Return the projections of every block, from the bottom.

    Args:
        model: The model.
        where: Dotted recipe path of what asks for them.

    Raises:
        RecipeError: If a block has no such parts.
    """
    modules = dict(model.named_modules())
    blocks = [(path, modules[path]) for path in model.blocks.paths]
    seen: list[dict[str, _Projection]] = [{} for _ in blocks]
    widths = [0] * len(blocks)
    with _watched(blocks, seen, widths):
        doubled = {name: torch.cat([value, value]) for name, value in model.probe.items()}
        device, dtype = _home(modules[blocks[0][0]])
        with torch.no_grad():
            model.network(
                **{
                    name: value.to(device, dtype if value.is_floating_point() else None)
                    for name, value in doubled.items()
                }
            )
    found = [_residual(list(projections.values()), width) for projections, width in zip(seen, widths, strict=True)]
    missing = [depth for depth, residual in enumerate(found) if residual is None]
    if missing:
        raise RecipeError(
            "E-TUNING-040",
            say(
                "Blocks {depths} of the base are not an attention part and a feed-forward part, each ending in one "
                "projection; there is no place for a bottleneck.",
                depths=", ".join(str(depth) for depth in missing),
            ),
            where=where,
            mend="tuning: lora",
        )
    return [residual for residual in found if residual is not None]


@contextmanager
def _watched(
    blocks: list[tuple[str, nn.Module]], seen: list[dict[str, _Projection]], widths: list[int]
) -> Iterator[None]:
    """Note inside the context what every projection of every block reads and writes, in the order they run."""
    training = [(module, module.training) for _, block in blocks for module in block.modules()]
    handles = []
    for depth, (path, block) in enumerate(blocks):
        handles.append(block.register_forward_pre_hook(_parting(widths, depth), with_kwargs=True))
        for name, module in block.named_modules(prefix=path):
            if getattr(getattr(module, "weight", None), "ndim", 0) == 2:
                handles.append(module.register_forward_hook(_noting(seen[depth], name)))
        block.eval()
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, was in training:
            module.training = was


def _parting(widths: list[int], depth: int) -> Any:
    """Return a hook that lets the second copy differ from the first at the first position."""

    def part(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        states_2TH: Tensor = args[0] if args else kwargs["hidden_states"]
        widths[depth] = states_2TH.shape[-1]
        if states_2TH.ndim != 3:
            return None
        other_TH = states_2TH[0].clone()
        other_TH[0] = -other_TH[0] + torch.linspace(-1, 1, other_TH.shape[-1]).to(other_TH)
        parted_2TH = torch.stack([states_2TH[0], other_TH])
        return ((parted_2TH, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": parted_2TH})

    return part


def _noting(seen: dict[str, _Projection], path: str) -> Any:
    def note(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        # A table of relative positions that is projected too belongs to neither copy.
        if not isinstance(output, Tensor) or not args[0].is_floating_point() or output.shape[0] % 2 or path in seen:
            return
        one, other = output.reshape(2, -1, output.shape[-1])
        seen[path] = _Projection(path, args[0].shape[-1], output.shape[-1], not torch.equal(one[-1], other[-1]))

    return note


def _residual(projections: list[_Projection], width: int) -> Residual | None:
    attention = next((one for one in projections if one.mixes and one.writes == width), None)
    if attention is None:
        return None
    behind = projections[projections.index(attention) + 1 :]
    # Beside the attention rather than behind it, the feed-forward part may run first; then it is known by being wider.
    ends = [one for one in behind if one.writes == width] or [
        one for one in projections if one.writes == width < one.reads and one != attention
    ]
    if not ends:
        return None
    inner = ends[-1].reads
    around = behind if ends[-1] in behind else projections
    begins = [one for one in around if one.reads == width and one.writes in {inner, 2 * inner} and one != ends[-1]]
    if not begins:
        return None
    inside = [path.removeprefix("network.") for path in (attention.path, begins[0].path, ends[-1].path)]
    return Residual(inside[0], inside[1], inside[2], width)


def _home(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    own = next(parameter for parameter in module.parameters() if parameter.is_floating_point())
    return own.device, own.dtype
