import numpy as np
import pytest
from sklearn import metrics

from afina.metrics import calibration


@pytest.fixture
def honest():
    generator = np.random.default_rng(0)
    predictions = generator.dirichlet(np.ones(3), size=40_000)
    references = (predictions.cumsum(axis=1) < generator.random((40_000, 1))).sum(axis=1)
    return predictions, references


def test_honest_probabilities_have_no_calibration_error(honest):
    assert calibration.expected_calibration_error("single", *honest) < 0.01


def test_overconfidence_is_a_calibration_error(honest):
    predictions, references = honest
    boasting = predictions**4 / (predictions**4).sum(axis=1, keepdims=True)
    assert calibration.expected_calibration_error("single", boasting, references) > 0.1


def test_multi_honest_cells_have_no_calibration_error():
    generator = np.random.default_rng(1)
    predictions = generator.random((20_000, 2))
    references = (generator.random(predictions.shape) < predictions).astype(int)
    assert calibration.expected_calibration_error("multi", predictions, references) < 0.015


def test_expected_calibration_error_by_hand():
    # Two rows of confidence 0.9 of which one is right, one of 0.6 that is right: (2 * 0.4 + 1 * 0.4) / 3.
    predictions = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    error = calibration.expected_calibration_error("single", predictions, np.array([0, 1, 1]), num_bins=10)
    assert error == pytest.approx(0.4)


def test_bins_include_their_upper_edge_and_the_first_includes_zero():
    predictions = np.array([[0.0], [0.5], [0.50001], [1.0]])
    groups = calibration.reliability("multi", predictions, np.zeros((4, 1)), num_bins=2)
    assert groups.count.tolist() == [2, 2]
    assert np.isnan(calibration.reliability("multi", predictions[:1], np.zeros((1, 1)), num_bins=2).accuracy[1])


def test_losses_agree_with_scikit_learn(honest):
    predictions, references = (part[:500] for part in honest)
    expected = metrics.log_loss(references, predictions, labels=[0, 1, 2])
    assert calibration.log_loss("single", predictions, references) == pytest.approx(expected, abs=1e-12)
    expected = metrics.brier_score_loss(references, predictions, labels=[0, 1, 2], scale_by_half=False)
    assert calibration.brier("single", predictions, references) == pytest.approx(expected, abs=1e-12)


def test_multi_losses_agree_with_scikit_learn():
    generator = np.random.default_rng(2)
    predictions, references = generator.random((100, 3)), generator.integers(0, 2, (100, 3))
    columns = range(3)
    expected = np.mean([metrics.log_loss(references[:, column], predictions[:, column]) for column in columns])
    assert calibration.log_loss("multi", predictions, references) == pytest.approx(expected, abs=1e-12)
    expected = np.mean([metrics.brier_score_loss(references[:, column], predictions[:, column]) for column in columns])
    assert calibration.brier("multi", predictions, references) == pytest.approx(expected, abs=1e-12)


def test_certain_and_wrong_is_finite():
    assert np.isfinite(calibration.log_loss("single", np.array([[1.0, 0.0]]), np.array([1])))
