"""What a run settles by its rows."""

import csv

import pytest

from afina.recipe import reading
from afina.run.execute import prepare


def _recipe(base, path, lengths, **training):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for row, length in enumerate(lengths):
            label = ("good", "bad")[row % 2]
            writer.writerow((" ".join(["box"] * length + [label, str(row)]), label))
    recipe = {"base": str(base), "data": str(path), "tuning": "full", "training": training}
    return prepare(reading.from_keywords(recipe))


@pytest.mark.parametrize(("lengths", "layout"), [([1, 25] * 15, "packed"), ([5] * 30, "padded")])
def test_rows_of_very_different_lengths_are_packed(tiny_bert, tmp_path, lengths, layout):
    prepared = _recipe(tiny_bert, tmp_path / "rows.csv", lengths)
    assert prepared.resolved.recipe.training.layout == layout
    assert prepared.model.layout.is_packed is (layout == "packed")
    assert "packing pays from 1.25" in prepared.resolved.origins["training.layout"].why


def test_what_the_recipe_says_is_done(tiny_bert, tmp_path):
    prepared = _recipe(tiny_bert, tmp_path / "rows.csv", [1, 25] * 15, layout="padded")
    assert not prepared.model.layout.is_packed
    assert prepared.model.layout.takes_segments
