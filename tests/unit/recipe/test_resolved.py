"""The resolved recipe: origins, writing and reading back."""

import pytest
from pydantic import ValidationError

from afina.base.errors import RecipeError
from afina.recipe.reading import from_keywords
from afina.recipe.resolved import Origin, Resolved, differences
from afina.recipe.schema import Training


def _resolved(*overrides, **more):
    return from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": "full", **more}, overrides)


def test_every_value_has_an_origin():
    found = _resolved("training.epochs=5", training={"global_batch_size": 8})
    assert str(found.origins["training.epochs"]) == "override"
    assert str(found.origins["training.global_batch_size"]) == "given"
    assert str(found.origins["tuning.kind"]) == "given"
    assert str(found.origins["tuning.layer_decay"]) == "default"
    assert str(found.origins["training.callbacks.0.patience"]) == "default"


def test_infer_fills_a_value_and_says_why():
    before = _resolved()
    after = before.infer("training.learning_rate", 2e-5, "small base").infer(
        "task", "text-classification", "two values"
    )
    assert after.recipe.training.learning_rate == 2e-5
    assert after.origins["training.learning_rate"] == Origin("inferred", "small base")
    assert after.origins["task.kind"] == Origin("inferred", "two values")
    assert "task" not in after.origins
    assert before.recipe.training.learning_rate == "auto"


def test_infer_takes_a_section_and_refuses_what_does_not_fit():
    assert _resolved().infer("training", Training(epochs=7), "x").recipe.training.epochs == 7
    with pytest.raises(ValidationError):
        _resolved().infer("training.learning_rate", "quick", "x")


def test_dump_writes_each_value_with_its_origin():
    text = _resolved("training.epochs=5").infer("training.micro_batch_size", 8, "it\nfits  # here").dump()
    assert "  epochs: 5.0  # override\n" in text
    assert "  micro_batch_size: 8  # inferred: it fits # here\n" in text
    assert "    - kind: early-stop  # default\n      patience: 3  # default\n" in text


def test_load_gives_an_equal_recipe_with_its_origins():
    before = _resolved("seed=7", evaluation={"retained": ["a.csv", {"path": "b.csv", "text": ["x", "y"]}]})
    before = before.infer("training.micro_batch_size", 8, "it fits")
    after = Resolved.load(before.dump())
    assert after == before
    assert after.dump() == before.dump()


@pytest.mark.parametrize(
    "name", ["a: b", "x  # given", "- a", "'", '"', "é", "\u2028", "1e5", "null", "a,b", "{", "\t"]
)
def test_load_reads_awkward_texts_back(name):
    before = _resolved(data={"train": "/a.csv", "label": name, "text": [name, "b"]})
    assert Resolved.load(before.dump()) == before


def test_load_refuses_a_recipe_that_was_broken_since():
    with pytest.raises(RecipeError, match="epochs"):
        Resolved.load(_resolved().dump().replace("epochs: auto", "epochs: -3"), "run/recipe.yaml")


def test_differences_names_dotted_keys():
    left = _resolved().recipe
    assert differences(left, left) == []
    assert differences(left, _resolved("training.epochs=5", "seed=1").recipe) == ["training.epochs", "seed"]
    assert differences(left, _resolved(tuning={"kind": "head"}).recipe) == ["tuning.kind"]
    assert differences(left, _resolved("training.callbacks=[]").recipe)[0].startswith("training.callbacks")
