"""The packaged JSON schema is the one that the classes give."""

import json

from afina.base import registry
from afina.recipe import generate
from afina.recipe.explain import SCHEMA_FILE


def test_packaged_schema_is_current():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == generate.text(), "make schema"


def test_schema_holds_every_technique_and_only_valid_references():
    schema = generate.json_schema()
    used = {"tuning", "objectives", "tasks", "retention", "data.formats", "engine.optimizers", "engine.schedules"}
    for point in used | {"engine.callbacks"}:
        for kind in registry.names(point):
            definition = schema["$defs"][f"{point}.{kind}"]
            assert definition["properties"]["kind"]["const"] == kind
            assert "kind" in definition["required"]
    text = json.dumps(schema)
    references = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert references == set(schema["$defs"])
    assert "extends" in schema["properties"]
    assert '"title"' not in json.dumps(schema["$defs"])
