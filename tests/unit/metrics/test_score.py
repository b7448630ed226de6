import numpy as np
import pytest

from afina.metrics import score, wording


@pytest.mark.parametrize(("problem", "main"), [("single", "accuracy"), ("multi", "micro_f1"), ("regression", "mae")])
def test_score_gives_every_metric_main_first(problem, main):
    generator = np.random.default_rng(0)
    predictions = generator.random((30, 1 if problem == "regression" else 3))
    references = {
        "single": generator.integers(0, 3, 30),
        "multi": generator.integers(0, 2, (30, 3)),
        "regression": generator.random(30),
    }[problem]
    scores = score.score(problem, predictions, references)
    assert next(iter(scores)) == main == score.main_metric(problem)
    assert all(np.isfinite(value) for value in scores.values())
    assert all(wording.title(metric) for metric in scores)


def test_decide_keeps_one_answer_per_row():
    predictions = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert score.decide("single", predictions).tolist() == [1, 0]
    assert score.decide("multi", predictions).tolist() == [[False, True], [True, False]]
    assert score.decide("regression", predictions[:, :1]).tolist() == [0.2, 0.6]


def test_less_error_is_better():
    assert not score.is_higher_better("mae")
    assert score.is_higher_better("accuracy")
