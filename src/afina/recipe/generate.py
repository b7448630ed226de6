"""Writes `schema.json`: the recipe's JSON schema with every technique of every point under its union.

Techniques of other packages are no part of that file; `with_outside` adds those that are installed.

Editors, `recipe explain`, forms and the reference page read that file, so that none of them needs torch. Run it with
`python -m afina.recipe.generate`; a test refuses a file that differs from what this makes.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from afina.base import registry
from afina.base.durable import write_text
from afina.base.errors import MissingExtraError
from afina.recipe import schema as sections
from afina.recipe.choice import SECTION
from afina.recipe.section import Section
from afina.recipe.words import AUTO, AUTO_ALLOWED, POINT, SHORT_FIELD

SCHEMA_FILE = Path(__file__).parent / "schema.json"
"""The packaged JSON schema."""


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
    kinds = registry.own_names(point)
    union: list[dict[str, Any]] = [{"enum": [*([AUTO] if node[AUTO_ALLOWED] else []), *kinds]}]
    for kind in kinds:
        name = f"{point}.{kind}"
        union.append({"$ref": f"#/$defs/{name}"})
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _technique(point, kind, definitions)
    return union


def _technique(point: str, kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _filled(_taken_apart(registry.config(point, kind), definitions), definitions)
    schema["required"] = sorted({"kind", *schema.get("required", ())})
    return schema  # type: ignore[no-any-return]


def with_outside(packaged: dict[str, Any]) -> dict[str, Any]:
    """Return the packaged schema with the techniques that other installed packages offer; they alone are imported.

    One that cannot be imported is in it with the reason, so that a broken package does not take the help away.
    """
    outside = {point: kinds for point in registry.POINTS if (kinds := registry.outside_names(point))}
    if not outside:
        return packaged
    whole = copy.deepcopy(packaged)
    for point, kinds in outside.items():
        for kind in kinds:
            try:
                found = _technique(point, kind, whole["$defs"])
            except MissingExtraError as error:
                found = {"description": str(error.problem.what)}
            whole["$defs"][f"{point}.{kind}"] = found
    _offer(whole, outside)
    return whole


def _offer(node: Any, outside: dict[str, list[str]]) -> None:
    """Add the kinds of `outside` to every choice among techniques in `node`."""
    if isinstance(node, list):
        for item in node:
            _offer(item, outside)
    elif isinstance(node, dict):
        point = node.get(POINT)
        for inner in list(node.values()):
            _offer(inner, outside)
        for kind in outside.get(point, ()) if isinstance(point, str) else ():
            node["anyOf"][0]["enum"].append(kind)
            node["anyOf"].append({"$ref": f"#/$defs/{point}.{kind}"})


if __name__ == "__main__":
    main()
