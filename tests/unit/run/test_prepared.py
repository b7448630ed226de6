"""What a prepared run gives its loop is what the recipe asked for."""

from afina.recipe import reading
from afina.run.execute import prepare
from afina.run.prepared import Prepared


def test_material_is_made_of_what_the_recipe_asks_for(tiny_bert, make_csv):
    recipe = {
        "base": str(tiny_bert),
        "data": str(make_csv()),
        "tuning": "head",
        "retention": {"kind": "l2-sp", "alpha": 0.5},
        "training": {"schedule": "constant"},
    }
    prepared = prepare(reading.from_keywords(recipe))
    assert isinstance(prepared, Prepared)
    material = prepared.material(judge=None)
    assert material.retention.alpha == 0.5
    assert material.schedule(7, 10) == 1.0
    assert material.segments is prepared.gathered.segments["train"]
    assert material.aids.class_counts.sum() == len(material.segments)
    assert material.judge is None
