import dataclasses
import json

import pytest

from afina.base.errors import RunError
from afina.evaluation.compare import Graded, compare
from afina.evaluation.contract import Cost, Evaluation, Forgetting, Interval


@pytest.fixture(params=["single", "multi", "regression"])
def evaluation(request, contest):
    labels, references, predictions = contest(request.param, tuned=2.0, num_rows=60)
    whole = compare(request.param, labels, references, predictions, train=Graded(predictions.tuned, references))
    forgotten = Forgetting(
        name="old.csv",
        problem="single",
        metric="accuracy",
        n=300,
        num_folds=5,
        base=0.8,
        tuned=0.7,
        difference=-0.1,
        interval=Interval(low=-0.15, high=-0.05),
        outcome="worse",
        sentence="It lost.",
    )
    cost = Cost(train_s=1.5, num_trainable_parameters=10, num_parameters=100, device="cpu")
    return dataclasses.replace(whole, forgetting=(forgotten,), cost=cost)


def test_evaluation_comes_back_from_json(evaluation):
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    assert Evaluation.from_dict(json.loads(text)) == evaluation


def test_layout_has_the_documented_keys(evaluation):
    written = evaluation.to_dict()
    assert list(written["scores"]) == ["majority", "base", "tuned"]
    assert written["verdict"]["differences"][0]["metric"] == written["verdict"]["metric"]
    assert written["scores"]["tuned"]["main"] == written["scores"]["tuned"]["metrics"][0]
    assert (written["scores"]["tuned"]["calibration"] is None) == (written["problem"] == "regression")
    assert (written["scores"]["tuned"]["confusion"] is None) == (written["problem"] != "single")
    assert written["version"] == 1


def test_undefined_number_is_null(contest):
    labels, references, predictions = contest("regression", num_rows=30)
    constant = dataclasses.replace(predictions, majority=predictions.majority * 0)
    scores = compare("regression", labels, references, constant).scores.majority.metrics
    assert [score.value for score in scores if score.metric == "spearman"] == [None]


@pytest.mark.parametrize("change", [{"version": 2}, {"n": "many"}, {"scores": {}}])
def test_other_layouts_are_refused_by_name(evaluation, change):
    with pytest.raises(RunError, match=f"evaluation.json: {next(iter(change))}"):
        Evaluation.from_dict(evaluation.to_dict() | change)
