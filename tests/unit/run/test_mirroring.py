"""What trackers are told of a finished run; whole runs are mirrored in tests/integration/test_whole_run.py."""

from dataclasses import replace

from afina.evaluation.contender import Interval
from afina.evaluation.contract import Cost, Difference, Evaluation, Forgetting, Verdict
from afina.recipe import reading
from afina.run.mirroring import figures, trackers

AROUND = Interval(low=-0.1, high=0.1)
BETTER = Difference(metric="accuracy", base=0.5, tuned=0.75, difference=0.25, interval=AROUND, outcome="better")
LOST = Forgetting(
    name="/somewhere/açaí #2.csv", problem="single", metric="accuracy", n=9, num_folds=3, base=0.5, tuned=0.25,
    difference=-0.25, interval=AROUND, outcome="worse", sentence="lost",
)  # fmt: skip


def evaluation():
    verdict = Verdict(
        sentence="better", outcome="better", metric="accuracy", difference=0.25, interval=AROUND, confidence=0.95,
        p_value=0.01, test="mcnemar mid-p", n=9, smallest_visible=0.1,
        differences=(BETTER, replace(BETTER, metric="auc", base=None, tuned=float("nan"), difference=None)),
    )  # fmt: skip
    cost = Cost(train_s=2.0, num_trainable_parameters=3, num_parameters=4, device="cpu")
    return Evaluation(
        problem="single", labels=("a", "b"), n=9, confidence=0.95, num_resamples=100, seed=0, verdict=verdict,
        scores=None, forgetting=(LOST,), cost=cost,
    )  # fmt: skip


def test_figures_are_finite_numbers_under_names_that_trackers_take():
    assert figures(evaluation()) == {
        "test/accuracy": 0.75,
        "test/accuracy/base": 0.5,
        "test/accuracy/difference": 0.25,
        "test/p_value": 0.01,
        "retained/açaí -2.csv/accuracy/difference": -0.25,
        "cost/train_s": 2.0,
        "cost/num_trainable_parameters": 3.0,
    }


def test_trackers_of_one_kind_are_told_apart():
    recipe = {"base": "x", "data": "x.csv", "tuning": "full"}
    asked = ["tensorboard", {"kind": "mlflow", "uri": "sqlite:///a.db"}, {"kind": "mlflow", "uri": "sqlite:///b.db"}]
    found = trackers(reading.from_keywords({**recipe, "tracking": asked}).recipe)
    assert list(found) == ["tensorboard", "mlflow", "mlflow-2"]
    assert trackers(reading.from_keywords(recipe).recipe) == {}
