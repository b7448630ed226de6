"""Parameters of a network by depth, and how they are found again once a technique has changed the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Blocks:
    """Parameter names of a network by depth, every parameter exactly once.

    Attributes:
        embeddings: What turns tokens into vectors, and whatever else stands below the first block.
        blocks: One tuple of names per block, from the bottom.
        paths: The dotted module path of each block.
        top: What the base has above its last block, such as a final norm or a pooler.
        head: What the task added.
    """

    embeddings: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...]
    paths: tuple[str, ...]
    top: tuple[str, ...]
    head: tuple[str, ...]

    @property
    def units(self) -> dict[str, tuple[str, ...]]:
        """Return the names by unit, from the bottom: `embeddings`, `block 0` ..., `top`, `head`; none is empty."""
        units = {"embeddings": self.embeddings}
        units.update({f"block {depth}": names for depth, names in enumerate(self.blocks)})
        units.update({"top": self.top, "head": self.head})
        return {unit: names for unit, names in units.items() if names}


def rewired(
    blocks: Blocks, parameters: Mapping[str, Tensor], aliases: Mapping[str, str], paths: Sequence[str]
) -> Blocks:
    """Return parameters by depth after a technique changed a network.

    What was there stays in its unit. What is new belongs where the module stands that holds it; what stands alone, such
    as a soft prompt, feeds the first block.

    Args:
        blocks: The parameters by depth before.
        parameters: The parameters now.
        aliases: What those of before were called, by their name now.
        paths: Where the blocks are now.
    """
    unit_before = {name: unit for unit, names in blocks.units.items() for name in names}
    unit_now = {name: unit_before[alias] for name, alias in aliases.items()}
    around: dict[str, str] = {}
    for name, unit in unit_now.items():
        for prefix in _prefixes(name):
            # A module that holds parameters of several units says nothing about a new one.
            around[prefix] = unit if around.get(prefix, unit) == unit else ""
    for depth, path in enumerate(paths):
        around.update({prefix: f"block {depth}" for prefix in around if prefix.startswith(path + ".")})
        around[path] = f"block {depth}"
    by_unit: dict[str, list[str]] = {unit: [] for unit in ("embeddings", *around.values(), "top", "head")}
    for name in parameters:
        unit = unit_now.get(name) or next((around[prefix] for prefix in _prefixes(name) if around.get(prefix)), "")
        by_unit[unit or "embeddings"].append(name)
    return Blocks(
        embeddings=tuple(by_unit["embeddings"]),
        blocks=tuple(tuple(by_unit.get(f"block {depth}", ())) for depth in range(len(paths))),
        paths=tuple(paths),
        top=tuple(by_unit["top"]),
        head=tuple(by_unit["head"]),
    )


def _prefixes(name: str) -> list[str]:
    """Return the paths of the modules around a parameter, the nearest first."""
    parts = name.split(".")[:-1]
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
