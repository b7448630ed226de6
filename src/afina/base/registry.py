"""Techniques by name: a point is a folder, a technique is one file in it.

Names are read from the folder without importing anything; a technique is imported when it is asked for. Other
packages add theirs through entry points in the group `afina.<point>`, each naming a module. A technique's module has
a pydantic `Config` and a `build`; files named `contract` or starting with an underscore are not techniques.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from afina.base.errors import RecipeError
from afina.base.messages import say

POINTS = (
    "tuning",
    "objectives",
    "tasks",
    "retention",
    "data.formats",
    "engine.callbacks",
    "engine.optimizers",
    "engine.schedules",
)
"""The points at which one new file adds a technique."""

_PACKAGE = Path(__file__).parent.parent


def names(point: str) -> list[str]:
    """Return the kinds that `point` offers, sorted, spelled with hyphens."""
    folder = _PACKAGE.joinpath(*point.split("."))
    files = [file.stem for file in folder.glob("*.py") if not file.stem.startswith("_") and file.stem != "contract"]
    return sorted({name.replace("_", "-") for name in [*files, *_outside(point)]})


def module(point: str, kind: str) -> ModuleType:
    """Import and return the technique `kind` of `point`; hyphen and underscore are the same.

    Raises:
        RecipeError: If there is no such technique; the message lists those that exist, nearest first.
    """
    known = names(point)
    if kind.replace("_", "-") not in known:
        raise unknown(point, kind, known)
    outside = _outside(point).get(kind.replace("-", "_"))
    if outside is not None:
        loaded = outside.load()
        assert isinstance(loaded, ModuleType), f"the entry point {outside.name} of afina.{point} must name a module"
        return loaded
    return importlib.import_module(f"afina.{point}.{kind.replace('-', '_')}")


def config(point: str, kind: str) -> type[Any]:
    """Return the pydantic class of the technique's options."""
    return module(point, kind).Config  # type: ignore[no-any-return]


def build(point: str, options: Any, **ingredients: Any) -> Any:
    """Build the technique that `options` (an instance of its `Config`) describes."""
    return module(point, options.kind).build(options, **ingredients)


def unknown(point: str, kind: str, known: list[str]) -> RecipeError:
    """Return the error for a kind that does not exist, naming the nearest and listing all."""
    nearest = difflib.get_close_matches(kind.replace("_", "-"), known, n=1)
    return RecipeError(
        "E-RECIPE-004",
        say("There is no {point} of kind {kind}.", point=point, kind=repr(kind)),
        where=point,
        expected=", ".join(known),
        mend=say("Did you mean {name}?", name=nearest[0]) if nearest else "",
    )


def _outside(point: str) -> dict[str, EntryPoint]:
    return {entry.name.replace("-", "_"): entry for entry in entry_points(group=f"afina.{point}")}
