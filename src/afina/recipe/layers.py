"""Who said what: a recipe, the one it extends and the overrides, laid over each other.

A mapping merges into the mapping beneath it; anything else replaces what is beneath it, and so does a mapping that
names another `kind`. Short spellings are spelled out on the way, so that `tuning: full` and `tuning.layer_decay=0.9`
meet in one section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from afina.base.errors import Problem
from afina.base.messages import say
from afina.recipe.choice import Choice, Shorthand
from afina.recipe.document import Mark, Path
from afina.recipe.fields import inside, section_at, slot_at

LayerOrigin = Literal["given", "override", "extended"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What one source asks for.

    Attributes:
        origin: What kind of source it is.
        tree: Its values.
        name: Its name for messages; empty for a call from Python.
        keys: Where its keys stand, if it is a file.
        values: Where its values stand, if it is a file.
    """

    origin: LayerOrigin
    tree: Mapping[str, Any]
    name: str = ""
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    values: Mapping[Path, Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """Layers laid over each other.

    Attributes:
        tree: The values that count.
        owners: Which layer each key of `tree` comes from; the items of a list belong to the list.
        main: The layer that is blamed for what is missing.
    """

    tree: dict[str, Any]
    owners: Mapping[Path, Layer]
    main: Layer

    def owner(self, path: Path) -> Layer:
        """Return the layer that said what stands at `path`, or above it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.owners:
                return self.owners[path[:length]]
        return self.main

    def locate(self, path: Path, problem: Problem, *, at_key: bool = False) -> Problem:
        """Return `problem` with its place: `file:line:column`, or the override, and the dotted path."""
        layer = self.owner(path)
        marks = layer.keys if at_key else layer.values
        mark = next((marks[path[:length]] for length in range(len(path), -1, -1) if path[:length] in marks), None)
        dotted = ".".join(str(part) for part in path)
        place = layer.name if mark is None else f"{layer.name}:{mark.line}:{mark.column}"
        return Problem(
            what=problem.what, where=f"{place} {dotted}".strip(), expected=problem.expected, mend=problem.mend
        )

    def holds(self, path: Path) -> bool:
        """Return whether some layer says something at exactly this path."""
        tree: Any = self.tree
        for part in path:
            present = part in tree if isinstance(tree, dict) else isinstance(part, int) and isinstance(tree, list)
            if not present:
                return False
            tree = inside(tree, part)
        return True


def merge(layers: Sequence[Layer]) -> Merged:
    """Lay `layers` over each other, the last on top."""
    tree: dict[str, Any] = {}
    owners: dict[Path, Layer] = {}
    for layer in layers:
        _lay(tree, layer.tree, (), layer, owners)
    return Merged(tree, owners, main=next((layer for layer in layers if layer.origin == "given"), layers[-1]))


def override(text: str) -> tuple[Path, str] | Problem:
    """Split `training.epochs=5` into its path and its value's text, or say what is wrong with it."""
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        return Problem(
            what=say("The override {text} cannot be understood.", text=repr(text[:60])),
            expected=say("a dotted key, an equals sign and a value"),
            mend="training.epochs=5",
        )
    return path, value


def nested(path: Path, value: Any) -> dict[str, Any]:
    """Return `value` inside the mappings that `path` names."""
    for part in reversed(path):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def _lay(lower: dict[str, Any], upper: Mapping[str, Any], path: Path, layer: Layer, owners: dict[Path, Layer]) -> None:
    for key, value in upper.items():
        here = (*path, key)
        slot = slot_at(here, layer.tree)
        if slot is None and isinstance(value, Mapping) is False and value is None and section_at(here, layer.tree):
            value = {}  # a section whose every line is commented out
        beneath = lower.get(key)
        if isinstance(value, Mapping) and isinstance(beneath, dict) and not _other_kind(slot, beneath, value):
            owners[here] = layer
            _lay(beneath, value, here, layer, owners)
            continue
        for old in [old for old in owners if old[: len(here)] == here]:
            del owners[old]
        lower[key] = {}
        owners[here] = layer
        spelled = _spelled_out(value, here, layer, slot)
        if isinstance(spelled, dict):
            _lay(lower[key], spelled, here, layer, owners)
        else:
            lower[key] = spelled


def _other_kind(slot: Choice | Shorthand | None, beneath: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    if not isinstance(slot, Choice) or "kind" not in value:
        return False
    return _kind(beneath, slot) != _kind(value, slot)


def _kind(options: Mapping[str, Any], slot: Choice) -> object:
    kind = options.get("kind", slot.default)
    return kind.replace("_", "-") if isinstance(kind, str) else kind


def _spelled_out(value: Any, path: Path, layer: Layer, slot: Choice | Shorthand | None) -> Any:
    if isinstance(value, list):
        if isinstance(slot, Choice | Shorthand):
            return {_field(slot): value}
        return [
            _spelled_out(item, (*path, number), layer, slot_at((*path, number), layer.tree))
            for number, item in enumerate(value)
        ]
    if slot is None or isinstance(value, Mapping):
        return dict(value) if isinstance(value, Mapping) else value
    if isinstance(slot, Choice) and slot.auto and value == "auto":
        return value
    return {_field(slot): value}


def _field(slot: Choice | Shorthand) -> str:
    return "kind" if isinstance(slot, Choice) else slot.field
