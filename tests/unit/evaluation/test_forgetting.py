import numpy as np
import pytest

from afina.base.errors import DataError
from afina.evaluation.compare import Sampling
from afina.evaluation.forgetting import Retained, assign_folds, measure


@pytest.fixture(params=["single", "multi", "regression"])
def elsewhere(request):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(300, 8))
    references = {
        "single": (features[:, 0] > 0).astype(np.int64),
        "multi": (features[:, :2] > 0).astype(np.int64),
        "regression": features[:, 0] + 0.3 * generator.normal(size=300),
    }[request.param]
    blind = features.copy()
    blind[:, :2] = generator.normal(size=(300, 2))
    return request.param, references, features, blind


def test_a_representation_that_lost_the_answer_is_worse(elsewhere):
    problem, references, features, blind = elsewhere
    lost = measure(Retained("old.csv", problem, references, features, blind, 2))
    gained = measure(Retained("old.csv", problem, references, blind, features, 2))
    assert (lost.outcome, gained.outcome) == ("worse", "better")
    assert lost.sentence.startswith("It lost on old.csv")
    assert lost.difference == pytest.approx(-gained.difference)


def test_the_same_representation_lost_nothing(elsewhere):
    problem, references, features, _ = elsewhere
    found = measure(Retained("old.csv", problem, references, features, features.copy(), 2))
    assert found.outcome == "no difference"
    assert found.difference == found.interval.low == found.interval.high == 0.0
    assert found.sentence.startswith("No loss can be shown on old.csv")


def test_a_rotated_representation_lost_nothing(elsewhere):
    problem, references, features, _ = elsewhere
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))
    found = measure(Retained("old.csv", problem, references, features, 3 * features @ rotation, 2))
    assert found.outcome == "no difference"


def test_folds_are_stratified_and_even():
    references = np.array([0] * 50 + [1] * 13)
    folds = assign_folds("single", references, 5, seed=1)
    assert np.bincount(folds).tolist() == [13, 13, 13, 12, 12]
    assert set(np.bincount(folds[references == 1], minlength=5)) <= {2, 3}
    assert (folds == assign_folds("single", references, 5, seed=1)).all()
    assert (folds != assign_folds("single", references, 5, seed=2)).any()


def test_no_row_is_predicted_by_a_probe_that_saw_it():
    # Random labels: a probe judged on its own rows would look good.
    generator = np.random.default_rng(3)
    features, references = generator.normal(size=(120, 100)), generator.integers(0, 2, 120)
    assert measure(Retained("noise.csv", "single", references, features, features, 2)).base < 0.65


def test_too_few_rows_and_one_class_are_refused():
    features = np.zeros((8, 2))
    with pytest.raises(DataError, match="at least 10"):
        measure(Retained("old.csv", "single", np.arange(8) % 2, features, features, 2))
    features = np.zeros((20, 2))
    with pytest.raises(DataError, match="E-EVALUATION-005"):
        measure(Retained("old.csv", "single", np.zeros(20, dtype=int), features, features, 2), sampling=Sampling())
