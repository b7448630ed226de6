"""What a validator found, as sentences with a place, an expectation and a mend; all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from afina.base.errors import Problem, RecipeError
from afina.base.messages import say
from afina.recipe.choice import REFUSED
from afina.recipe.document import Path
from afina.recipe.fields import accepted, all_paths, inside, section_at
from afina.recipe.foreign import FOREIGN
from afina.recipe.layers import Merged

_EXAMPLES = {"base": "base: builtin:minilm", "data": "data: rows.csv", "tuning": "tuning: full"}


def translate(error: ValidationError, merged: Merged) -> list[Problem]:
    """Return one located problem per wrong field, in the order of the recipe."""
    found: dict[Path, Problem] = {}
    for detail in error.errors(include_url=False):
        path = _real_path(detail["loc"], detail["type"], merged.tree)
        path = (*path, *detail.get("ctx", {}).get("path", ()))
        if path not in found:  # a union reports once per member
            at_key = detail["type"] == "extra_forbidden"
            found[path] = merged.locate(path, _problem(detail, path, merged), at_key=at_key)
    return list(found.values())


def raise_all(problems: Sequence[Problem], name: str, code: str = "E-RECIPE-001") -> None:
    """Raise one error for all `problems`, if there are any.

    Raises:
        RecipeError: With the one problem, or with a count and the list.
    """
    if len(problems) == 1:
        only = problems[0]
        raise RecipeError(code, only.what, where=only.where, expected=only.expected, mend=only.mend)
    if problems:
        raise RecipeError(
            code,
            say("The recipe has {count} problems.", count=len(problems)),
            where=name,
            problems=tuple(problems),
        )


def _real_path(location: tuple[int | str, ...], kind: str, tree: Any) -> Path:
    """Return the part of pydantic's location that stands in the recipe; it appends names of union members."""
    whole = tree
    for depth, part in enumerate(location):
        present = part in tree if isinstance(tree, dict) else isinstance(part, int) and isinstance(tree, list)
        if not present:
            is_named = kind in ("missing", "extra_forbidden") and depth == len(location) - 1
            section = section_at(location[:depth], whole)
            is_default = section is not None and part in section.model_fields
            return location if is_named or is_default else location[:depth]
        tree = inside(tree, part)
    return location


def _problem(detail: Any, path: Path, merged: Merged) -> Problem:
    kind = detail["type"]
    if kind == REFUSED:
        problem: Problem = detail["ctx"]["problem"]
        return Problem(what=problem.what, expected=problem.expected, mend=problem.mend)
    if kind == "extra_forbidden":
        return _unknown_key(path, merged.tree)
    if kind == "missing":
        name = str(path[-1])
        return Problem(
            what=say("{name} is missing.", name=f"`{name}`"),
            expected=accepted(path, merged.tree),
            mend=_EXAMPLES.get(name, "") if len(path) == 1 else "",
        )
    if kind in ("value_error", "assertion_error"):
        return Problem(what=str(detail["ctx"]["error"]))
    value: Any = merged.tree
    for part in path:
        value = inside(value, part)
    return Problem(
        what=say("{name} cannot be {value}.", name=f"`{_field_name(path)}`", value=in_short(value)),
        expected=accepted(path, merged.tree),
    )


def in_short(value: Any) -> str:
    """Return a value as a message shows it, cut to one short line."""
    if isinstance(value, dict):
        return say("a section")
    if isinstance(value, list):
        return say("a list of {count}", count=len(value))
    if value is None:
        return say("empty")
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _field_name(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return names[-1] if names else ""


def _unknown_key(path: Path, tree: Any) -> Problem:
    name = str(path[-1])
    parent = section_at(path[:-1], tree)
    known = list(parent.model_fields) if parent is not None else []
    if len(path) == 1:
        known.append("extends")
    hint = next(_candidates(name, known, path[:-1], tree), None)
    return Problem(
        what=say("There is no key {name} here.", name=repr(name[:40])),
        expected=", ".join(known),
        mend=say("Did you mean {name}?", name=hint) if hint else "",
    )


def _candidates(name: str, known: list[str], section: Path, tree: Any) -> Iterator[str]:
    """Yield what an unknown key may have meant, the likeliest first."""
    spelled = name.lower().replace("-", "_")
    prefix = "".join(f"{part}." for part in section)
    if spelled in known:
        yield prefix + spelled
    if spelled in FOREIGN:
        yield FOREIGN[spelled]
    for match in difflib.get_close_matches(spelled, known, n=1, cutoff=0.7):
        yield prefix + match
    elsewhere = {path.rpartition(".")[2]: path for path in reversed([*all_paths(), *_chosen_paths(tree)])}
    for match in difflib.get_close_matches(spelled, list(elsewhere), n=1, cutoff=0.8):
        yield elsewhere[match]


def _chosen_paths(tree: Any) -> list[str]:
    """Return the dotted paths of the options of the techniques that the recipe names."""
    choices: list[Path] = [("tuning",), ("task",), ("objective",), ("retention",)]
    choices += [("training", "optimizer"), ("training", "schedule"), ("data", "format")]
    found = []
    for choice in choices:
        section = section_at(choice, tree)
        found += [
            ".".join(map(str, (*choice, name))) for name in (section.model_fields if section else ()) if name != "kind"
        ]
    return found
