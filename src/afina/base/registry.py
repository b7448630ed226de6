"""Techniques by name: a point is a folder, a technique is one file in it.

Names are read from the folder without importing anything; a technique is imported when it is asked for. Other
packages add theirs through entry points in the group `afina.<point>`, each naming a module; a name that we have already
stays ours. A technique's module has a pydantic `Config` and a `build`; files named `contract` or starting with an
underscore are not techniques.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from afina.base.errors import MissingExtraError, RecipeError
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
    "engine.trackers",
)
"""The points at which one new file adds a technique."""

_PACKAGE = Path(__file__).parent.parent


def names(point: str) -> list[str]:
    """Return the kinds that `point` offers, sorted, spelled with hyphens."""
    return sorted({*own_names(point), *outside_names(point)})


def own_names(point: str) -> list[str]:
    """Return the kinds that this package has at `point`, sorted, spelled with hyphens."""
    folder = _PACKAGE.joinpath(*point.split("."))
    files = [file.stem for file in folder.glob("*.py") if not file.stem.startswith("_") and file.stem != "contract"]
    return sorted(name.replace("_", "-") for name in files)


def outside_names(point: str) -> list[str]:
    """Return the kinds that other packages add at `point`, sorted, spelled with hyphens."""
    return sorted({name.replace("_", "-") for name in _outside(point)}.difference(own_names(point)))


def module(point: str, kind: str) -> ModuleType:
    """Import and return the technique `kind` of `point`; hyphen and underscore are the same.

    Raises:
        RecipeError: If there is no such technique; the message lists those that exist, nearest first.
        MissingExtraError: If another package offers it, and it cannot be imported or is no technique.
    """
    known = names(point)
    if kind.replace("_", "-") not in known:
        raise unknown(point, kind, known)
    if kind.replace("_", "-") in outside_names(point):
        return _from_outside(point, _outside(point)[kind.replace("-", "_")])
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


def _from_outside(point: str, entry: EntryPoint) -> ModuleType:
    package = entry.dist.name if entry.dist is not None else entry.module
    try:
        loaded = entry.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise _unusable(point, entry.name, package, f"{type(error).__name__}: {error}") from error
    if not (isinstance(loaded, ModuleType) and hasattr(loaded, "Config") and hasattr(loaded, "build")):
        raise _unusable(point, entry.name, package, say("{name} is no module with Config and build", name=entry.value))
    return loaded


def _unusable(point: str, kind: str, package: str, reason: str) -> MissingExtraError:
    return MissingExtraError(
        "E-EXTRA-003",
        say(
            "{point} {kind}, from the package {package}, cannot be used: {reason}",
            point=point,
            kind=repr(kind),
            package=package,
            reason=reason,
        ),
        where=point,
        mend=say("Update or remove it: pip install --upgrade {package}", package=package),
    )


def _outside(point: str) -> dict[str, EntryPoint]:
    return {entry.name.replace("-", "_"): entry for entry in entry_points(group=f"afina.{point}")}
