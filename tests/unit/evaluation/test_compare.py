import dataclasses

import numpy as np
import pytest

from afina.base.errors import DataError, QualityError
from afina.evaluation.compare import Graded, Predictions, Sampling, compare
from afina.evaluation.contract import Example

PROBLEMS = ["single", "multi", "regression"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_planted_better_model_is_better_and_the_reverse_is_worse(contest, problem):
    labels, references, predictions = contest(problem, base=0.8, tuned=2.5)
    swapped = dataclasses.replace(predictions, base=predictions.tuned, tuned=predictions.base)
    forth = compare(problem, labels, references, predictions).verdict
    back = compare(problem, labels, references, swapped).verdict
    assert (forth.outcome, back.outcome) == ("better", "worse")
    assert forth.sentence.startswith("Better than the base")
    assert back.sentence.startswith("Worse than the base")
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.interval.low == pytest.approx(-back.interval.high, abs=0.02)
    assert forth.p_value < 0.05


@pytest.mark.parametrize("problem", PROBLEMS)
def test_identical_predictions_are_no_difference(contest, problem):
    labels, references, predictions = contest(problem, tuned=2.0)
    same = dataclasses.replace(predictions, base=predictions.tuned)
    verdict = compare(problem, labels, references, same).verdict
    assert verdict.outcome == "no difference"
    assert verdict.difference == verdict.interval.low == verdict.interval.high == 0.0
    assert verdict.p_value == 1.0
    assert "for both" in verdict.sentence


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_order_of_rows_changes_nothing(contest, problem):
    labels, references, predictions = contest(problem, base=1.0, tuned=1.3)
    order = np.random.default_rng(9).permutation(len(references))
    shuffled = Predictions(predictions.majority[order], predictions.base[order], predictions.tuned[order])
    rows = [Example(row=index, where=f"rows.csv:{index + 2}", text="text") for index in range(len(references))]
    first = compare(problem, labels, references, predictions, rows=rows)
    second = compare(problem, labels, references[order], shuffled, rows=[rows[index] for index in order])
    assert first.verdict.sentence == second.verdict.sentence
    assert first.verdict.interval.low == pytest.approx(second.verdict.interval.low, abs=1e-12)
    assert first.verdict.p_value == second.verdict.p_value
    assert first.top_losses == second.top_losses
    assert first.scores.tuned.per_class == second.scores.tuned.per_class


def test_few_rows_say_what_they_cannot_tell(contest):
    labels, references, predictions = contest(base=1.0, tuned=1.2, num_rows=40, seed=3)
    verdict = compare("single", labels, references, predictions).verdict
    assert verdict.outcome == "no difference"
    assert f"with n = 40 test rows a difference below {100 * verdict.smallest_visible:.1f} points" in verdict.sentence
    assert verdict.smallest_visible >= 5 / 40


def test_four_changed_rows_are_not_enough_whatever_the_interval_says():
    # The percentile interval of 4 rows won and none lost leaves out zero; the paired test knows better.
    references = np.zeros(40, dtype=np.int64)
    base = np.tile([0.9, 0.1], (40, 1))
    base[:4] = [0.1, 0.9]
    tuned = np.tile([0.9, 0.1], (40, 1))
    verdict = compare("single", ("a", "b"), references, Predictions(base, base, tuned)).verdict
    assert verdict.interval.low > 0
    assert verdict.p_value == pytest.approx(0.0625)
    assert verdict.outcome == "no difference"


def test_noise_is_rarely_called_a_difference(contest):
    outcomes = [
        compare("single", *contest(base=1.0, tuned=1.0, num_rows=100, seed=seed), sampling=Sampling(0.95, 300)).verdict
        for seed in range(100)
    ]
    assert sum(verdict.outcome != "no difference" for verdict in outcomes) <= 8


def test_a_metric_that_disagrees_is_remarked():
    # A model that gave up the rare class for the frequent one: more rows right, and a worse macro-F1.
    references = np.array([0] * 900 + [1] * 100)
    base, tuned = (np.zeros((1000, 2)) for _ in range(2))
    base[:, 0], tuned[:, 0] = 0.9, 0.9
    base[:180, 0] = base[900:, 0] = 0.1
    base, tuned = (np.column_stack([values[:, 0], 1 - values[:, 0]]) for values in (base, tuned))
    verdict = compare("single", ("usual", "rare"), references, Predictions(tuned, base, tuned)).verdict
    assert verdict.outcome == "better"
    assert verdict.differences[1].outcome == "worse"
    assert any("macro-F1" in remark and "worse" in remark for remark in verdict.remarks)
    assert any("most frequent class" in remark for remark in verdict.remarks)


def test_gap_is_train_minus_test(contest):
    labels, references, predictions = contest(tuned=1.0)
    perfect = Graded(np.eye(3), np.arange(3))
    gap = compare("single", labels, references, predictions, train=perfect).gap
    assert gap.train == 1.0
    assert gap.difference == pytest.approx(1.0 - gap.test)
    assert gap.num_train == 3
    assert compare("single", labels, references, predictions).gap is None


def test_no_test_row_is_refused():
    nothing = np.zeros((0, 2))
    with pytest.raises(DataError, match="E-EVALUATION-002"):
        compare("single", ("a", "b"), np.zeros(0, dtype=int), Predictions(nothing, nothing, nothing))


def test_a_prediction_that_is_no_number_is_refused(contest):
    labels, references, predictions = contest()
    predictions.tuned[7, 1] = np.nan
    with pytest.raises(QualityError, match="test row 7"):
        compare("single", labels, references, predictions)


def test_contenders_of_other_lengths_are_refused(contest):
    labels, references, predictions = contest()
    with pytest.raises(ValueError, match="399 predictions for 400"):
        compare("single", labels, references, dataclasses.replace(predictions, base=predictions.base[1:]))
