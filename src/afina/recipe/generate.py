"""Writes `schema.json`: the recipe's JSON schema with every technique of every point under its union.

Editors, `recipe explain`, forms and the reference page read that file, so that none of them needs torch. Run it with
`python -m afina.recipe.generate`; a test refuses a file that differs from what this makes.
"""

from __future__ import annotations

import json
from typing import Any

from afina.base import registry
from afina.base.durable import write_text
from afina.recipe import schema as sections
from afina.recipe.choice import SECTION
from afina.recipe.explain import SCHEMA_FILE
from afina.recipe.section import Section
from afina.recipe.words import AUTO, AUTO_ALLOWED, POINT, SHORT_FIELD


def json_schema() -> dict[str, Any]:
    """Return the complete JSON schema (draft 2020-12); imports every technique that exists."""
    definitions: dict[str, Any] = {}
    root = _filled(_taken_apart(sections.Recipe, definitions), definitions)
    extends = {
        "type": "string",
        "description": "Another recipe file, whose lines hold where this one says nothing. Files only.",
    }
    root["properties"]["extends"] = extends
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Afina recipe",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=1, sort_keys=False) + "\n"


def main() -> None:
    """Write `schema.json` beside this file."""
    write_text(SCHEMA_FILE, text())


def _taken_apart(section: type[Section], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = section.model_json_schema()
    for name, inner in schema.pop("$defs", {}).items():
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _filled(inner, definitions)
    return schema


def _filled(node: Any, definitions: dict[str, Any]) -> Any:
    """Return `node` with the markers of choices and short spellings replaced by what they stand for."""
    if isinstance(node, list):
        return [_filled(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    filled: dict[str, Any] = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "description":
            filled[key] = " ".join(value.split())
        elif key == "properties":
            filled[key] = {name: _filled(inner, definitions) for name, inner in value.items()}
        else:
            filled[key] = _filled(value, definitions)
    if POINT in node:
        filled["anyOf"] = _techniques(node, definitions)
    if SHORT_FIELD in node:
        name = filled.pop(SECTION)
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _filled(_taken_apart(getattr(sections, name), definitions), definitions)
        filled["anyOf"] = [{"type": "string"}, {"$ref": f"#/$defs/{name}"}]
    return filled


def _techniques(node: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    point = node[POINT]
    kinds = registry.names(point)
    union: list[dict[str, Any]] = [{"enum": [*([AUTO] if node[AUTO_ALLOWED] else []), *kinds]}]
    for kind in kinds:
        name = f"{point}.{kind}"
        union.append({"$ref": f"#/$defs/{name}"})
        if name not in definitions:
            definitions[name] = {}
            schema = _filled(_taken_apart(registry.config(point, kind), definitions), definitions)
            schema["required"] = sorted({"kind", *schema.get("required", ())})
            definitions[name] = schema
    return union


if __name__ == "__main__":
    main()
