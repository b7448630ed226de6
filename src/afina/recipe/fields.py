"""Which class describes the fields at a dotted path.

One walk over the schema's classes serves the merge of layers, error messages and hints; it never enumerates techniques.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo

from afina.base.errors import RecipeError
from afina.recipe.choice import Choice, Shorthand, technique
from afina.recipe.document import Path
from afina.recipe.schema import Recipe
from afina.recipe.section import Section
from afina.recipe.words import in_words

Slot = Choice | Shorthand | None


def section_at(path: Path, tree: Any) -> type[Section] | None:
    """Return the class whose fields stand under `path` in `tree`, or None if no section stands there."""
    section: type[Section] | None = Recipe
    for depth, part in enumerate(path):
        tree = inside(tree, part)
        if isinstance(part, int):
            continue  # the list's name, one part earlier, has already looked at this item
        if section is None or part not in section.model_fields:
            return None
        following = path[depth + 1] if depth + 1 < len(path) else None
        value = inside(tree, following) if isinstance(following, int) else tree
        section = _section_of(section.model_fields[part], value)
    return section


def slot_at(path: Path, tree: Any) -> Slot:
    """Return the choice or the short spelling that the field, or the list item, at `path` allows, or None."""
    is_item = bool(path) and isinstance(path[-1], int)
    path = path[:-1] if is_item else path
    parent = section_at(path[:-1], tree) if path else None
    if parent is None or path[-1] not in parent.model_fields:
        return None
    info = parent.model_fields[str(path[-1])]
    return _item_slot(info) if is_item else _slot(info)


def accepted(path: Path, tree: Any) -> str:
    """Return in words what the field at `path` accepts, or an empty text when no field stands there."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    parent = section_at(path[:-1], tree) if path else None
    if parent is None or path[-1] not in parent.model_fields:
        return ""
    schema = parent.model_json_schema()
    return in_words(schema["properties"][path[-1]], schema.get("$defs", {}))


def all_paths(section: type[Section] = Recipe, prefix: str = "") -> list[str]:
    """Return the dotted path of every field that exists without a choice of technique."""
    found: list[str] = []
    for name, info in section.model_fields.items():
        found.append(prefix + name)
        inner = _section_of(info, None)
        if inner is not None:
            found += all_paths(inner, f"{prefix}{name}.")
    return found


def _slot(info: FieldInfo) -> Slot:
    return next((item for item in info.metadata if isinstance(item, Choice | Shorthand)), None)


def _item_slot(info: FieldInfo) -> Slot:
    marks = [mark for inner in get_args(info.annotation) for mark in getattr(inner, "__metadata__", ())]
    return next((mark for mark in marks if isinstance(mark, Choice | Shorthand)), None)


def _section_of(info: FieldInfo, value: Any) -> type[Section] | None:
    slot, annotation = _slot(info), info.annotation
    if slot is None and (slot := _item_slot(info)) is not None:  # a list carries its slot on its items
        annotation = next(inner.__origin__ for inner in get_args(annotation) if hasattr(inner, "__metadata__"))
    if isinstance(slot, Choice):
        return _technique(slot, value)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _technique(slot: Choice, value: Any) -> type[Section] | None:
    kind = value.get("kind", slot.default) if isinstance(value, Mapping) else value
    if not isinstance(kind, str):
        return None
    try:
        return technique(slot.point, kind)
    except RecipeError:  # the kind does not exist; its own problem is reported where it is validated
        return None


def inside(tree: Any, part: str | int) -> Any:
    """Return what `tree` holds under a key or a list position, or None."""
    if isinstance(tree, Mapping):
        return tree.get(part)
    if isinstance(tree, list) and isinstance(part, int) and part < len(tree):
        return tree[part]
    return None
