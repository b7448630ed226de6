"""Who is best: seldom somebody when nobody is, whatever rows and seeds do; and somebody when somebody is."""

import numpy as np
import pytest

from afina.evaluation.compare import Sampling
from afina.evaluation.ranking import rank
from afina.metrics import score

QUICK = Sampling(0.95, 200, 3)


def _predictions(draw, references, shares, num_seeds, seed_spread=0.0, row_spread=0.15):
    """Return predictions by contestant that are right as often as `shares` say, rows and seeds permitting."""
    hardness = row_spread * draw.standard_normal(len(references))
    found = {}
    for name, share in shares.items():
        own = 0.5 * row_spread * draw.standard_normal(len(references))
        seeds = []
        for _ in range(num_seeds):
            chance = share - hardness - own + seed_spread * draw.standard_normal()
            right = draw.random(len(references)) < chance
            seeds.append(np.eye(2)[np.where(right, references, 1 - references)])
        found[name] = seeds
    return found


def _false_winners(num_seeds, seed_spread, shares, num_trials, num_rows=80):
    draw = np.random.default_rng([num_seeds, len(shares)])
    count = 0
    for _ in range(num_trials):
        references = draw.integers(0, 2, num_rows)
        predictions = _predictions(draw, references, shares, num_seeds, seed_spread)
        count += rank("single", references, predictions, num_classes=2, sampling=QUICK).winner is not None
    return count / num_trials


@pytest.mark.parametrize(("num_seeds", "seed_spread"), [(1, 0.0), (2, 0.08), (3, 0.08), (3, 0.0)])
def test_of_two_that_are_equal_a_winner_is_named_no_more_often_than_the_level_says(num_seeds, seed_spread):
    # At a true rate of 5 %, more than 10 of 100 trials would be seen about once in ninety times.
    assert _false_winners(num_seeds, seed_spread, {"a": 0.75, "b": 0.75}, 100) <= 0.10


def test_two_that_lead_alike_before_a_third_are_not_told_apart_either():
    assert _false_winners(2, 0.05, {"a": 0.8, "b": 0.8, "c": 0.55}, 30) <= 0.14


def test_the_better_one_is_named():
    draw = np.random.default_rng(7)
    references = draw.integers(0, 2, 400)
    predictions = _predictions(draw, references, {"poor": 0.6, "good": 0.9, "middling": 0.75}, 3, 0.01)
    found = rank("single", references, predictions, num_classes=2, sampling=QUICK)
    assert found.winner == found.best == "good"
    assert [standing.name for standing in found.standings] == ["good", "middling", "poor"]
    assert found.leaders == ("good",)
    assert all(pair.first == "good" and pair.low > 0 and pair.adjusted >= pair.p_value for pair in found.against_best())


def test_values_are_the_plain_metric_by_seed_and_the_order_of_names_changes_nothing():
    draw = np.random.default_rng(8)
    references = draw.integers(0, 2, 60)
    predictions = _predictions(draw, references, {"a": 0.7, "b": 0.72, "c": 0.6}, 2)
    found = rank("single", references, predictions, num_classes=2, sampling=QUICK)
    for standing in found.standings:
        expected = [score.score("single", seed, references)["accuracy"] for seed in predictions[standing.name]]
        assert standing.by_seed == pytest.approx(expected)
        assert standing.value == pytest.approx(np.mean(expected))
        assert standing.low <= standing.value <= standing.high
    backwards = dict(reversed(predictions.items()))
    again = rank("single", references, backwards, num_classes=2, sampling=QUICK)
    assert [pair.p_value for pair in again.pairs] == [pair.p_value for pair in found.pairs]


def test_equal_answers_are_a_draw_and_the_first_given_stands_first():
    references = np.asarray([0, 1] * 20)
    same = [np.eye(2)[references]]
    found = rank("single", references, {"x": same, "y": same}, num_classes=2, sampling=QUICK)
    assert found.winner is None
    assert found.leaders == ("x", "y")
    assert found.pairs[0].difference == found.pairs[0].low == found.pairs[0].high == 0.0
    assert found.smallest_visible == pytest.approx(5 / 40)


def test_of_errors_the_smaller_is_better():
    draw = np.random.default_rng(9)
    references = draw.standard_normal(120)
    near = [(references + 0.1 * draw.standard_normal(120))[:, None] for _ in range(2)]
    far = [(references + 0.8 * draw.standard_normal(120))[:, None] for _ in range(2)]
    found = rank("regression", references, {"far": far, "near": near}, sampling=QUICK)
    assert (found.metric, found.winner) == ("mae", "near")
    assert found.pairs[0].difference < 0


def test_several_labels():
    draw = np.random.default_rng(10)
    references = draw.integers(0, 2, (150, 3))
    good = [np.where(draw.random((150, 3)) < 0.05, 1 - references, references).astype(float)]
    poor = [np.where(draw.random((150, 3)) < 0.35, 1 - references, references).astype(float)]
    found = rank("multi", references, {"poor": poor, "good": good}, num_classes=3, sampling=QUICK)
    assert (found.metric, found.winner) == ("micro_f1", "good")


def test_other_numbers_of_seeds_are_refused():
    references = np.asarray([0, 1])
    one = np.eye(2)
    with pytest.raises(ValueError, match="same seeds"):
        rank("single", references, {"a": [one], "b": [one, one]}, num_classes=2)
