import numpy as np

from afina.evaluation import scoring
from afina.evaluation.contender import Interval

WIDE = {"accuracy": Interval(low=0.0, high=1.0), "macro_f1": Interval(low=0.0, high=1.0)}


def test_contender_scores_by_hand():
    predictions = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    scores = scoring.contender_scores("tuned", "", "single", ("a", "b"), predictions, np.array([0, 1, 1, 1]), WIDE)
    assert scores.main.value == 0.75
    assert scores.confusion == ((1, 0), (1, 2))
    assert [(row.label, row.support) for row in scores.per_class] == [("a", 1), ("b", 3)]
    assert scores.per_class[1].precision == 1.0
    assert scores.per_class[0].precision == 0.5


def test_every_bin_is_kept_and_counts_add_up(contest):
    _, references, predictions = contest("multi")
    found = scoring.calibrated("multi", predictions.tuned, references)
    assert len(found.bins) == found.num_bins == 15
    assert sum(group.count for group in found.bins) == references.size
    assert all((group.confidence is None) == (group.count == 0) for group in found.bins)


def test_regression_has_no_classes_and_no_calibration():
    assert scoring.per_class("regression", (), np.zeros((2, 1)), np.zeros(2)) == ()
    assert scoring.calibrated("regression", np.zeros((2, 1)), np.zeros(2)) is None


def test_undefined_is_none():
    assert scoring.interval(np.full(4, np.nan), confidence=0.9) == Interval(low=None, high=None)
    assert scoring.defined(float("nan")) is None
