"""Fields looked up in the packaged schema."""

import pytest

from afina.base.errors import RecipeError
from afina.recipe.explain import all_paths, explain


def test_explain_says_text_values_and_default():
    found = explain("tuning.full.layer_decay")
    assert "Discriminative" in found.text
    assert found.accepts == "a number above 0 up to 1"
    assert found.default == 1.0
    assert not found.is_required


def test_explain_without_a_path_lists_the_sections():
    assert {"base", "data", "tuning", "training", "extends"} <= set(explain().members)
    assert all(explain().members.values())


def test_explain_lists_fields_and_kinds():
    assert "epochs" in explain("training").members
    assert {"full", "last-blocks"} <= set(explain("tuning").members)
    assert explain("tuning").is_required
    assert explain("objective").default == "supervised"


def test_explain_takes_hyphen_and_underscore_alike():
    assert explain("tuning.last_blocks").text == explain("tuning.last-blocks").text


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("layer_decay", "tuning.full.layer_decay"),
        ("training.epoch", "training.epochs"),
        ("tuning.ful.layer_decay", "tuning.full.layer_decay"),
        ("tuningg", "tuning"),
    ],
)
def test_explain_names_the_nearest(path, near):
    with pytest.raises(RecipeError) as caught:
        explain(path)
    assert near in caught.value.problem.mend


@pytest.mark.parametrize("path", [".", "..", "training.", ".training", "a b", "qqqq", "seed.inside", "\0"])
def test_explain_refuses_what_is_no_path(path):
    with pytest.raises(RecipeError):
        explain(path)


def test_everything_can_be_explained():
    paths = all_paths()
    assert len(paths) > 60
    assert [path for path in paths if not explain(path).text] == []
