"""The budget shared out by one factor, and the learning rates to try."""

import pytest

from afina.base.errors import UsageError
from afina.recipe import reading
from afina.regimes.compare import schedule
from afina.regimes.compare.schedule import Planned


def _planned(training_s=60.0, other_s=5.0, num_steps=300, **more):
    given = {
        "num_steps": num_steps,
        "steps_per_epoch": 100,
        "learning_rate": 3e-4,
        "training_s": training_s,
        "other_s": other_s,
        "num_test": 10,
        "test_rows": "x",
        "has_validation": True,
        "fingerprints": {},
    }
    return Planned(**{**given, **more})


def test_a_budget_that_suffices_cuts_nothing():
    assert schedule.cut({"a": _planned(), "b": _planned()}, 2, budget_s=1000.0) == 1.0


def test_a_short_budget_cuts_all_alike_and_the_sum_fits():
    plans = {"a": _planned(60.0), "b": _planned(30.0)}
    factor = schedule.cut(plans, 3, budget_s=200.0, spent_s=10.0)
    total = 10.0 + 3 * sum(plan.run_s(factor) for plan in plans.values())
    assert factor < 1
    assert total == pytest.approx(200.0)


def test_the_frozen_part_is_computed_once_for_all_runs_of_an_entry_and_never_cut():
    plans = {"a": _planned(60.0, fill_s=20.0), "b": _planned(30.0)}
    factor = schedule.cut(plans, 3, budget_s=220.0, spent_s=10.0)
    assert factor == schedule.cut({"a": _planned(60.0), "b": _planned(30.0)}, 3, budget_s=200.0, spent_s=10.0)
    assert plans["a"].run_s(factor) == pytest.approx(60.0 * factor + 5.0)


def test_less_than_one_epoch_is_refused_with_the_least_that_suffices():
    plans = {"a": _planned(60.0), "b": _planned(30.0)}
    with pytest.raises(UsageError) as caught:
        schedule.cut(plans, 1, budget_s=30.0)
    assert caught.value.code == "E-COMPARE-010"
    assert "40s" in str(caught.value)
    assert schedule.cut(plans, 1, budget_s=40.0) == pytest.approx(1 / 3, abs=1e-3)


def test_a_run_that_is_shorter_than_an_epoch_already_is_not_cut():
    with pytest.raises(UsageError):
        schedule.cut({"a": _planned(num_steps=50)}, 1, budget_s=64.0)


def test_without_a_timed_step_no_budget_can_be_kept():
    with pytest.raises(UsageError) as caught:
        schedule.cut({"a": _planned(None)}, 1, budget_s=600.0)
    assert caught.value.code == "E-COMPARE-011"


def test_a_cut_recipe_says_why():
    recipe = reading.from_keywords({"base": "b", "data": "d.csv", "tuning": "head", "training": {"max_steps": 300}})
    cut = schedule.shortened(recipe, _planned(), 0.5)
    assert cut.recipe.training.epochs == 1.5
    assert cut.recipe.training.max_steps == 150
    assert cut.origins["training.epochs"].kind == "inferred"
    assert schedule.shortened(recipe, _planned(), 1.0) is recipe


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [3e-4]), (2, [3e-4, 1e-4]), (3, [3e-4, 1e-4, 9e-4]), (5, [3e-4, 1e-4, 9e-4, 3.33333e-5, 2.7e-3])],
)
def test_rates_stand_around_the_rule_and_begin_with_it(count, expected):
    assert schedule.rates(3e-4, count) == pytest.approx(expected, rel=1e-4)


def test_rows_are_the_same_or_not():
    assert schedule.same_rows([_planned(), _planned()])
    assert not schedule.same_rows([_planned(), _planned(test_rows="y")])
    assert schedule.middle(4.0, 9.0) == 6.0


@pytest.mark.parametrize(("seconds", "text"), [(59.2, "60s"), (119.0, "119s"), (600.0, "10m"), (9000.0, "2.5h")])
def test_spans_are_spelled_as_budgets(seconds, text):
    assert schedule.seconds_text(seconds) == text
