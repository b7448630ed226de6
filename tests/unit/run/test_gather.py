"""What a run works with, gathered from its recipe."""

from afina.recipe import reading
from afina.run import gather


def _texts(tiny_bert, path, **more):
    recipe = {"base": tiny_bert, "tuning": "head", **more}
    recipe["data"] = {"train": path, **recipe.pop("data", {})}
    splits = gather.gather(reading.from_keywords(recipe)).splits
    return [row.values["text"] for row in splits.test], [row.values["text"] for row in splits.train]


def test_the_division_goes_by_the_seed_unless_it_has_its_own(tiny_bert, make_csv):
    path = make_csv(60)
    fixed = {"split": {"seed": 42}}
    assert _texts(tiny_bert, path, seed=42) != _texts(tiny_bert, path, seed=43)
    assert _texts(tiny_bert, path, seed=42) == _texts(tiny_bert, path, seed=43, data=fixed)
    assert _texts(tiny_bert, path, seed=42) != _texts(tiny_bert, path, seed=42, data={"split": {"seed": 7}})
