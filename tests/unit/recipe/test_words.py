"""Fragments of a JSON schema in words."""

import pytest

from afina.recipe.words import in_words


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1}, "a whole number from 1"),
        ({"type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1}, "a number above 0 below 1"),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}, {"type": "null"}]}, "auto or a whole number or null"),
        ({"enum": ["stop", "skip"]}, "stop, skip"),
        ({"type": "array", "items": {"type": "string"}}, "a list of: a text"),
        ({"type": "array"}, "a list"),
        ({"$ref": "#/$defs/Inner"}, "true or false"),
        ({"type": "object"}, "a section"),
        ({}, "a value"),
        ({"x-short-for": "name"}, "a text, or a section"),
    ],
)
def test_in_words(schema, words):
    assert in_words(schema, {"Inner": {"type": "boolean"}}) == words


def test_in_words_lists_the_kinds_of_a_choice():
    assert in_words({"x-point": "retention", "x-auto": True}, {}) == "auto, l2-sp, none, wise-ft"
