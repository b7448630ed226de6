"""The shape of a recipe."""

import pytest
from pydantic import ValidationError

from afina.recipe.choice import strict
from afina.recipe.schema import Recipe
from afina.recipe.section import Section

THREE_LINES = {"base": "builtin:minilm", "data": "rows.csv", "tuning": "full"}


def test_recipe_of_three_lines_has_every_default():
    recipe = strict(Recipe, THREE_LINES)
    assert recipe.base.name == "builtin:minilm"
    assert recipe.data.train == "rows.csv"
    assert recipe.objective.kind == "supervised"
    assert recipe.retention.kind == "none"
    assert [callback.kind for callback in recipe.training.callbacks] == ["early-stop"]
    assert recipe.seed == 42


def test_recipe_takes_one_name_or_several():
    recipe = strict(Recipe, {**THREE_LINES, "data": {"train": "a.csv", "text": ["a", "b"], "label": "c"}})
    assert recipe.data.text == ("a", "b")
    assert recipe.data.label == ("c",)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"seed": -1},
        {"training": {"epochs": 0}},
        {"training": {"learning_rate": 0}},
        {"training": {"learning_rate": "fast"}},
        {"training": {"global_batch_size": 2, "micro_batch_size": 4}},
        {"training": {"precision": "float16"}},
        {"data": {"train": "a.csv", "split": {"validation": 0.5, "test": 0.5}}},
        {"data": {"train": "a.csv", "max_bad_share": 1.1}},
        {"data": {"train": ""}},
        {"base": {"name": "x", "dropout": 1}},
        {"evaluation": {"confidence": 1}},
        {"extends": "other.yaml"},
    ],
)
def test_recipe_refuses(change):
    with pytest.raises(ValidationError):
        strict(Recipe, {**THREE_LINES, **change})


def test_sections_have_at_most_twelve_fields_and_every_field_has_a_text():
    from afina.recipe import schema

    sections = [item for item in vars(schema).values() if isinstance(item, type) and issubclass(item, Section)]
    assert len(sections) > 6
    for section in sections:
        assert len(section.model_fields) <= 15
        assert all(field.description for field in section.model_fields.values())
