"""What a fragment of the recipe's JSON schema accepts, in words. Needs the schema alone, no class and no technique."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base import registry
from afina.base.messages import say

POINT = "x-point"
"""Schema key of a choice among techniques: the registry's point."""
DEFAULT_KIND = "x-default-kind"
"""Schema key of a choice: the kind that is meant when options come without one."""
AUTO_ALLOWED = "x-auto"
"""Schema key of a choice: whether `auto` may stand instead."""
SHORT_FIELD = "x-short-for"
"""Schema key of a section that may be spelled as the value of one of its fields: that field."""
AUTO = "auto"
"""What stands where a value is to be found by Afina."""


def in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return in words which values a fragment of a JSON schema accepts."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return in_words(definitions[name], definitions) if name in definitions else name
    if POINT in schema:
        return ", ".join([*([AUTO] if schema.get(AUTO_ALLOWED) else []), *registry.names(schema[POINT])])
    if SHORT_FIELD in schema:
        return say("a text, or a section")
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return say(" or ").join(dict.fromkeys(in_words(part, definitions) for part in schema[union]))
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    return _type_in_words(schema, definitions)


def _type_in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "array":
        items = schema.get("items") or {}
        return say("a list of: {items}", items=in_words(items, definitions)) if items else say("a list")
    names = {
        "integer": say("a whole number"),
        "number": say("a number"),
        "string": say("a text"),
        "boolean": say("true or false"),
        "null": "null",
        "object": say("a section"),
    }
    return " ".join([names.get(str(kind), say("a value")), *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> list[str]:
    bounds = []
    if "minimum" in schema:
        bounds.append(say("from {bound}", bound=_plainly(schema["minimum"])))
    if "exclusiveMinimum" in schema:
        bounds.append(say("above {bound}", bound=_plainly(schema["exclusiveMinimum"])))
    if "maximum" in schema:
        bounds.append(say("up to {bound}", bound=_plainly(schema["maximum"])))
    if "exclusiveMaximum" in schema:
        bounds.append(say("below {bound}", bound=_plainly(schema["exclusiveMaximum"])))
    return bounds


def _plainly(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
