"""The recipe as a run keeps it: every value, with where it came from.

Written as YAML with the origin behind each value (`epochs: 5  # override`), read back to an equal recipe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError

from afina.recipe.choice import strict
from afina.recipe.document import Path, parse
from afina.recipe.layers import Layer, merge
from afina.recipe.problems import raise_all, translate
from afina.recipe.schema import Recipe
from afina.recipe.section import Section

OriginKind = Literal["given", "override", "extended", "default", "inferred"]

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*(:[A-Za-z0-9_./+-]+)*")
_RESERVED = re.compile(r"(?i)(null|true|false|yes|no|on|off|y|n|[.](inf|nan))|[.\d+-]*[eE]?[\d.+-]*")
_COMMENT = re.compile(r"(given|override|extended|default|inferred)(?:: (.*))?")


@dataclass(frozen=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: given (in the recipe), override (on the command line), extended (in the recipe beneath), default, or
        inferred. why: For an inferred value, the reason, in one sentence.
    """

    kind: OriginKind
    why: str = ""

    def __str__(self) -> str:
        why = " ".join("".join(letter if letter.isprintable() else " " for letter in self.why).split())
        return f"{self.kind}: {why}" if why else self.kind


@dataclass(frozen=True)
class Resolved:
    """A valid recipe with the origin of each of its values.

    Attributes:
        recipe: The recipe.
        origins: Origin by dotted path of each value; list items by position, as in `training.callbacks.0.kind`.
    """

    recipe: Recipe
    origins: Mapping[str, Origin]

    def infer(self, path: str, value: Any, why: str) -> Resolved:
        """Return a copy in which the run's own finding stands at `path`.

        Args:
            path: Dotted path, such as `training.learning_rate`.
            value: A plain value, or a `Section`.
            why: Why this value, in one sentence.

        Raises:
            pydantic.ValidationError: If the value does not fit there, which is a bug of the caller.
        """
        tree = self.recipe.model_dump(mode="json")
        *parents, last = path.split(".")
        section: Any = tree
        for part in parents:
            section = section[int(part)] if isinstance(section, list) else section[part]
        section[last] = value.model_dump(mode="json") if isinstance(value, Section) else value
        recipe = strict(Recipe, tree)
        origins = {leaf: self.origins.get(leaf, Origin("default")) for leaf, _ in leaves(recipe)}
        inferred = {leaf: Origin("inferred", why) for leaf in origins if leaf == path or leaf.startswith(f"{path}.")}
        return Resolved(recipe, {**origins, **inferred})

    def dump(self) -> str:
        """Return the recipe as YAML 1.2, each value with its origin behind it."""
        return "\n".join([*_lines(self.recipe.model_dump(mode="json"), (), self.origins), ""])

    @staticmethod
    def load(text: str, name: str = "recipe.yaml") -> Resolved:
        """Read what `dump` wrote, origins included; a value without one counts as given.

        Raises:
            RecipeError: If it is not a valid recipe any more.
        """
        document = parse(text, name)
        layer = Layer(origin="given", tree=document.tree, name=name, keys=document.keys, values=document.values)
        resolved = validate([layer])
        lines = text.split("\n")
        origins = dict(resolved.origins)
        for path, mark in document.values.items():
            comment = _COMMENT.fullmatch(lines[mark.line - 1].rpartition("  # ")[2])
            dotted = ".".join(map(str, path))
            if comment is not None and dotted in origins:
                kind = next(kind for kind in get_args(OriginKind) if kind == comment[1])
                origins[dotted] = Origin(kind, comment[2] or "")
        return Resolved(resolved.recipe, origins)


def validate(layers: list[Layer], extra: Mapping[Path, Any] | None = None) -> Resolved:
    """Merge `layers`, the last on top, and validate the result.

    Args:
        layers: What each source asks for.
        extra: Problems found already, by path; reported together with those found here.

    Raises:
        RecipeError: With all problems found.
    """
    merged = merge(layers)
    problems = [merged.locate(path, problem) for path, problem in (extra or {}).items()]
    try:
        recipe = strict(Recipe, merged.tree)
    except ValidationError as error:
        problems += translate(error, merged)
    raise_all(problems, merged.main.name)
    origins = {}
    for leaf, path in leaves(recipe):
        origins[leaf] = Origin(merged.owner(path).origin if merged.holds(path) else "default")
    return Resolved(recipe, origins)


def leaves(recipe: Recipe) -> Iterator[tuple[str, Path]]:
    """Yield the dotted path, and the path in parts, of every value of `recipe`, in its order."""
    for path, _ in _leaves(recipe.model_dump(mode="json"), ()):
        yield ".".join(map(str, path)), path


def differences(left: Recipe, right: Recipe) -> list[str]:
    """Return the dotted paths at which two recipes differ; where the kinds differ, the kind alone is named."""
    before = dict(_leaves(left.model_dump(mode="json"), ()))
    after = dict(_leaves(right.model_dump(mode="json"), ()))
    absent = object()
    paths = [path for path in {**before, **after} if before.get(path, absent) != after.get(path, absent)]
    other_kind = {path[:-1] for path in paths if path[-1] == "kind"}
    hidden = [path for path in paths if path[-1] != "kind" and any(path[: len(root)] == root for root in other_kind)]
    return [".".join(map(str, path)) for path in paths if path not in hidden]


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def _lines(value: Mapping[str, Any], path: Path, origins: Mapping[str, Origin]) -> Iterator[str]:
    for key, inner in value.items():
        here = (*path, key)
        if isinstance(inner, dict) and inner:
            yield f"{_flow(key)}:"
            yield from (f"  {line}" for line in _lines(inner, here, origins))
        elif isinstance(inner, list) and any(isinstance(item, dict) for item in inner):
            yield f"{_flow(key)}:"
            for number, item in enumerate(inner):
                for position, line in enumerate(_lines(item, (*here, number), origins)):
                    yield f"  {'-' if position == 0 else ' '} {line}"
        else:
            dotted = ".".join(map(str, here))
            comment = f"  # {origins[dotted]}" if dotted in origins else ""
            yield f"{_flow(key)}: {_flow(inner)}{comment}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and not _RESERVED.fullmatch(value) else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    # JSON's escapes are YAML's; what a YAML reader would not take as printable is escaped as well.
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in escaped)
