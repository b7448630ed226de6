"""What a field of the recipe means, looked up in the packaged JSON schema; imports neither torch nor our techniques."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.recipe.generate import SCHEMA_FILE, with_outside
from afina.recipe.words import DEFAULT_KIND, POINT, in_words

Node = dict[str, Any]


@dataclass(frozen=True)
class Explanation:
    """What stands at a dotted path.

    Attributes:
        path: The dotted path; empty for the whole recipe.
        text: What it is.
        accepts: Which values it takes, in words; empty for the whole recipe.
        default: Its default, or None when there is none.
        is_required: Whether a recipe must have it.
        members: For a section its fields, for a choice its kinds, each with its text.
    """

    path: str
    text: str
    accepts: str
    default: Any
    is_required: bool
    members: dict[str, str]


@lru_cache(maxsize=1)
def schema() -> Node:
    """Return the packaged JSON schema, with the techniques of other packages that are installed."""
    return with_outside(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def explain(path: str = "") -> Explanation:
    """Return what the field at `path` means.

    Args:
        path: Dotted path such as `training.epochs`; a technique's own field comes after its kind, as in
            `tuning.full.layer_decay`. Empty for the list of sections.

    Raises:
        RecipeError: If nothing has that path; the message names the nearest that exists.
    """
    node, is_required = schema(), True
    for name in path.split(".") if path else []:
        inside = _inside(node)
        found = name if name in inside else name.replace("_", "-") if name.replace("_", "-") in inside else None
        if found is None:
            raise _unknown(path)
        is_required = found in _section(node).get("required", ())
        node = inside[found]
    has_default = "default" in node
    return Explanation(
        path=path,
        text=_text(node),
        accepts=in_words(node, schema()["$defs"]) if path and "properties" not in node else "",
        default=node.get("default") if has_default else node.get(DEFAULT_KIND),
        is_required=is_required and not has_default,
        members={name: _text(inner) for name, inner in _inside(node).items()},
    )


def all_paths() -> list[str]:
    """Return every dotted path that can be explained."""
    found: list[str] = []
    open_nodes = [("", schema())]
    while open_nodes:
        prefix, node = open_nodes.pop(0)
        for name, inner in _inside(node).items():
            found.append(prefix + name)
            open_nodes.append((f"{prefix}{name}.", inner))
    return found


def _inside(node: Node) -> dict[str, Node]:
    """Return what has a name inside `node`: a choice's kinds, or a section's fields."""
    if "items" in node:
        return _inside(node["items"])
    if POINT in node:
        point = node[POINT]
        kinds = [reference["$ref"].rpartition("/")[2] for reference in node["anyOf"] if "$ref" in reference]
        return {name.removeprefix(f"{point}."): schema()["$defs"][name] for name in kinds}
    fields: dict[str, Node] = _section(node).get("properties", {})
    return {name: inner for name, inner in fields.items() if name != "kind"}


def _section(node: Node) -> Node:
    """Return the section that `node` is, or refers to, with or without a short spelling; else an empty one."""
    if "properties" in node:
        return node
    for part in [node, *(node.get("anyOf") or ()), *(node.get("allOf") or ())]:
        if "$ref" in part:
            return _section(schema()["$defs"][part["$ref"].rpartition("/")[2]])
    return {}


def _unknown(path: str) -> RecipeError:
    known = all_paths()
    same_name = [other for other in known if other.rpartition(".")[2] == path.rpartition(".")[2].replace("-", "_")]
    near = [*same_name, *difflib.get_close_matches(path, known, n=3, cutoff=0.6)]
    return RecipeError(
        "E-RECIPE-007",
        say("A recipe has no {path}.", path=repr(path[:80])),
        expected=", ".join(schema()["properties"]) if not near else "",
        mend=say("Did you mean {name}?", name=", ".join(dict.fromkeys(near[:3]))) if near else "",
    )


def _text(node: Node) -> str:
    return str(node.get("description") or _section(node).get("description", ""))
