"""Axes: how they are spelled, what is refused, what entries they give."""

import pytest

from afina.base.errors import RecipeError, UsageError
from afina.recipe import reading
from afina.regimes.compare import axes
from afina.regimes.compare.axes import Axis


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("tuning=head,full", "tuning", ("head", "full")),
        ("tuning=head,{kind: full, layer_decay: 0.9}", "tuning", ("head", {"kind": "full", "layer_decay": 0.9})),
        ("training.learning_rate=1e-4,5e-4", "training.learning_rate", (1e-4, 5e-4)),
        ("augment=[none, light, strong]", "augment", ("none", "light", "strong")),
        ("training.callbacks=[[], [early-stop]]", "training.callbacks", ([], ["early-stop"])),
        ("data.group=null,customer", "data.group", (None, "customer")),
        ("training.epochs=3", "training.epochs", (3,)),
    ],
)
def test_values_are_spelled_as_in_a_recipe(text, path, values):
    assert axes.parse([text]) == [Axis(path, values)]


def test_every_text_that_cannot_be_understood_is_listed():
    with pytest.raises(RecipeError) as caught:
        axes.parse(["head,full", "=3"])
    assert caught.value.code == "E-COMPARE-001"
    assert len(caught.value.problems) == 2
    with pytest.raises(RecipeError):
        axes.parse(["tuning=[head"])


def test_cells_are_every_combination_with_names_of_their_own():
    found = axes.cells(
        [Axis("tuning", ("head", {"kind": "full", "layer_decay": 0.9})), Axis("training.epochs", (1, 2))]
    )
    assert [cell.label for cell in found] == [
        "head, epochs 1",
        "head, epochs 2",
        "full (layer_decay 0.9), epochs 1",
        "full (layer_decay 0.9), epochs 2",
    ]
    assert found[2].overrides == ['tuning={"kind": "full", "layer_decay": 0.9}', "training.epochs=1"]
    assert len({cell.name for cell in found}) == 4
    alike = axes.cells([Axis("x", ("a b", "a-b", "A B"))])
    assert [cell.name for cell in alike] == ["x-a-b", "x-a-b-2", "x-a-b-3"]


def test_overrides_of_a_cell_are_read_back_as_its_values():
    [_, second] = axes.cells([Axis("tuning", ("head", {"kind": "full", "layer_decay": 0.9}))])
    read = reading.from_keywords({"base": "b", "data": "d.csv"}, second.overrides)
    assert (read.recipe.tuning.kind, read.recipe.tuning.layer_decay) == ("full", 0.9)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "Nothing is said"),
        ([Axis("tuning", ("head",))], "1 entries"),
        ([Axis("training.epochs", tuple(range(1, 200)))], "199 entries"),
        ([Axis("seed", (1, 2))], "sets seed itself"),
        ([Axis("data.split.seed", (1, 2))], "sets data.split.seed itself"),
        ([Axis("output", ("a", "b"))], "sets output itself"),
        ([Axis("tuning", ("head", "full", "head"))], "twice"),
        ([Axis("tuning", ("head", "full")), Axis("tuning.layer_decay", (1.0, 0.9))], "overlap"),
        ([Axis("tuning", ("head", "full")), Axis("tuning", ("bias", "norm"))], "overlap"),
        ([Axis("tuning", ())], "no values"),
    ],
)
def test_axes_that_make_no_comparison_are_refused(given, said):
    with pytest.raises(UsageError, match=said):
        axes.check(given)
