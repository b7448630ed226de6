"""A request: whole recipes, the same seeds and splits for all, everything wrong said at once."""

import json
from functools import partial

import pytest

from afina.base.errors import RecipeError, UsageError
from afina.recipe import reading
from afina.regimes.compare import request
from afina.regimes.compare.axes import Axis
from afina.regimes.compare.request import Request, Terms

RECIPE = {"base": "./base", "data": "rows.csv"}
TUNINGS = [Axis("tuning", ("head", "full"))]


def _build(axes=TUNINGS, terms=None, **recipe):
    return request.build(partial(reading.from_keywords, {**RECIPE, **recipe}), axes, terms or Terms())


def test_every_entry_is_a_whole_recipe_judged_on_the_same_rows():
    built = _build(terms=Terms(num_seeds=3), seed=7)
    assert [entry.resolved.recipe.tuning.kind for entry in built.entries] == ["head", "full"]
    assert built.seeds == (7, 8, 9)
    assert {entry.resolved.recipe.data.split.seed for entry in built.entries} == {7}
    assert built.labels == {"head": "head", "full": "full"}
    assert (
        _build(seed=7, data={"train": "rows.csv", "split": {"seed": 3}}).entries[0].resolved.recipe.data.split.seed == 3
    )


def test_seeds_stay_within_what_a_seed_may_be():
    assert _build(terms=Terms(num_seeds=2), seed=2**32 - 1).seeds == (0, 1)


def test_it_survives_being_written_down():
    built = _build([*TUNINGS, Axis("training.epochs", (1, 2.5))], Terms(num_seeds=2, budget_s=90.0, num_rates=3))
    assert Request.from_dict(json.loads(json.dumps(built.to_dict()))) == built


def test_equal_requests_have_equal_digests_and_others_do_not():
    assert _build().digest == _build().digest
    others = {
        _build(seed=1).digest,
        _build(terms=Terms(num_seeds=2)).digest,
        _build(terms=Terms(budget_s=60.0)).digest,
        _build([Axis("tuning", ("head", "bias"))]).digest,
        _build().digest,
    }
    assert len(others) == 5


def test_problems_of_all_entries_are_said_at_once_and_once_each():
    with pytest.raises(RecipeError) as caught:
        _build([Axis("tuning", ("hed", "full", {"kind": "full", "layer_decays": 1}))], training={"epochs": -1})
    said = str(caught.value)
    assert "hed" in said
    assert "layer_decays" in said
    assert said.count("training.epochs") == 1


def test_the_same_recipe_twice_is_refused():
    with pytest.raises(UsageError, match="same recipe"):
        _build([Axis("tuning", ("full", {"kind": "full"}))])


@pytest.mark.parametrize(
    "terms", [Terms(num_seeds=0), Terms(num_seeds=51), Terms(num_rates=8), Terms(budget_s=0.0), Terms(num_rates=0)]
)
def test_terms_out_of_range_are_refused(terms):
    with pytest.raises(UsageError) as caught:
        _build(terms=terms)
    assert caught.value.code == "E-COMPARE-005"


def test_what_is_an_axis_is_not_searched_and_a_launcher_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="axis already"):
        _build([Axis("training.learning_rate", (1e-3, 1e-4))], Terms(num_rates=3), tuning="head")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(UsageError, match="launcher"):
        _build()
