"""The runs of a comparison: their order, names and recipes."""

from functools import partial
from pathlib import Path

import pytest

from afina.recipe import reading
from afina.regimes.compare import request, tasks
from afina.regimes.compare.axes import Axis
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.request import Terms
from afina.regimes.compare.schedule import Planned
from afina.regimes.compare.tasks import Plan

PLANNED = Planned(
    num_steps=300,
    steps_per_epoch=100,
    learning_rate=1e-3,
    training_s=60.0,
    other_s=5.0,
    num_test=10,
    test_rows="x",
    has_validation=True,
    fingerprints={"rows.csv": "aa"},
)


@pytest.fixture
def asked():
    read = partial(reading.from_keywords, {"base": "b", "data": "rows.csv", "output": "elsewhere"})
    return request.build(read, [Axis("tuning", ("head", "bias", "full"))], Terms(num_seeds=3, num_rates=2))


def test_rates_come_first_then_seeds_in_turn_and_refused_entries_never(asked):
    plan = Plan({"head": PLANNED, "full": PLANNED}, {"bias": {"what": "no"}})
    first = [run.name for run in tasks.first_runs(asked, plan)]
    assert first == ["head-seed42", "head-seed42-rate2", "full-seed42", "full-seed42-rate2"]
    further = [run.name for run in tasks.further_runs(asked, plan, {"full": 1})]
    assert further == ["head-seed43", "full-seed43-rate2", "head-seed44", "full-seed44-rate2"]
    assert 2 * tasks.num_runs(asked) == len(first) + len(further)


def test_recipes_differ_in_seed_rate_and_place_alone(asked, tmp_path):
    plan = Plan(dict.fromkeys(("head", "bias", "full"), PLANNED), {}, factor=0.5)
    comparison = Comparison(tmp_path)
    run = tasks.further_runs(asked, plan, {"head": 1})[0]
    recipe = tasks.recipe_of(run, asked, plan, comparison).recipe
    assert (recipe.seed, recipe.data.split.seed) == (43, 42)
    assert recipe.training.learning_rate == pytest.approx(1e-3 / 3, rel=1e-5)
    assert recipe.training.epochs == 1.5
    assert Path(recipe.output) == tmp_path / "runs" / "head-seed43-rate2"
    own = tasks.recipe_of(tasks.first_runs(asked, plan)[0], asked, plan, comparison).recipe
    assert own.training.learning_rate == "auto"


def test_files_whose_bytes_changed_are_named():
    now = {Path("rows.csv"): "bb", Path("other.csv"): "cc"}
    assert tasks.changed_files([PLANNED], now) == ["rows.csv"]
    assert tasks.changed_files([PLANNED], {Path("rows.csv"): "aa"}) == []
