import numpy as np
import pytest

from afina.metrics import resampled, score

NUM_ROWS = 25


@pytest.fixture(params=["single", "multi", "regression"])
def rows(request):
    generator = np.random.default_rng(7)
    predictions = generator.random((NUM_ROWS, 1 if request.param == "regression" else 4))
    references = {
        "single": generator.integers(0, 4, NUM_ROWS),
        "multi": generator.integers(0, 2, (NUM_ROWS, 4)),
        "regression": 1e3 + np.round(generator.random(NUM_ROWS), 1),
    }[request.param]
    return request.param, predictions, references


def test_weights_are_rows_repeated(rows):
    problem, predictions, references = rows
    # Ten weightings, most of them sparse, so that some classes and values drop out.
    weights = np.random.default_rng(8).poisson(0.4, size=(10, NUM_ROWS)).astype(float)
    weights[:, :2] += 1
    weights[0] = 1
    metrics = resampled.build(problem, score.decide(problem, predictions), references, num_classes=4)
    assert list(metrics) == list(score.METRICS[problem])
    for name, metric in metrics.items():
        for weighting, found in zip(weights, metric(weights), strict=True):
            repeated = np.repeat(np.arange(NUM_ROWS), weighting.astype(int))
            expected = score.METRICS[problem][name](predictions[repeated], references[repeated])
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_drawing_one_value_only_is_undefined():
    values, references = np.array([1.0, 2.0, 3.0]), 0.1 + np.array([5.0, 6.0, 7.0])
    weights = np.array([[3.0, 0.0, 0.0]])
    assert np.isnan(resampled.r2_of(values, references)(weights)[0])
    assert np.isnan(resampled.spearman_of(values, references)(weights)[0])
