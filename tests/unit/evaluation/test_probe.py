import numpy as np
import pytest

from afina.evaluation.probe import DEFAULT, GRID, Labelled, fit_predict
from afina.metrics import score


def rows(problem, num_rows, seed):
    """Features in which three directions carry the answer, with one that never varies."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(num_rows, 12)) * np.arange(1, 13) + 5
    features[:, 11] = 0.3
    signal = (features[:, :3] - 5) / np.arange(1, 4) + 0.3 * generator.normal(size=(num_rows, 3))
    references = {
        "single": signal.argmax(axis=1),
        "multi": (signal > 0).astype(np.int64),
        "regression": signal.sum(axis=1),
    }[problem]
    return Labelled(features.astype(np.float32), references)


@pytest.mark.parametrize(("problem", "least"), [("single", 0.8), ("multi", 0.85), ("regression", 0.85)])
def test_probe_finds_what_is_linear(problem, least):
    train, validation, test = (rows(problem, num_rows, seed) for seed, num_rows in enumerate((400, 100, 300)))
    found = fit_predict(problem, train, test.features, num_classes=3, validation=validation)
    metric = "r2" if problem == "regression" else score.main_metric(problem)
    assert score.METRICS[problem][metric](found.predictions, test.references) > least
    assert found.inverse_penalty in GRID
    assert "chosen on 100 validation rows" in found.method


def test_probe_is_deterministic():
    train, test = rows("single", 200, 0), rows("single", 50, 1)
    first, second = (fit_predict("single", train, test.features, num_classes=3) for _ in range(2))
    np.testing.assert_array_equal(first.predictions, second.predictions)
    assert first.inverse_penalty == DEFAULT


def test_penalty_is_chosen_on_validation_rows():
    # Noise with few rows wants the strongest penalty, a clean rule with many wants a weaker one.
    generator = np.random.default_rng(0)
    noise = Labelled(generator.normal(size=(60, 40)), generator.integers(0, 2, 60))
    held_out = Labelled(generator.normal(size=(400, 40)), np.arange(400) % 2)
    clean = rows("single", 2000, 0)
    strong = fit_predict("single", noise, held_out.features, num_classes=2, validation=held_out).inverse_penalty
    weak = fit_predict("single", clean, clean.features, num_classes=3, validation=rows("single", 500, 1))
    assert strong < weak.inverse_penalty


def test_classes_without_training_rows_get_nothing():
    train = Labelled(np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 2], 20))
    found = fit_predict("single", train, train.features, num_classes=4).predictions
    assert found.shape == (40, 4)
    assert (found[:, [1, 3]] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_single_training_class_is_always_answered():
    features = np.random.default_rng(0).normal(size=(10, 3))
    found = fit_predict("multi", Labelled(features, np.tile([0, 1], (10, 1))), features)
    assert found.predictions.tolist() == [[0.0, 1.0]] * 10


def test_feature_that_never_varied_is_not_blown_up():
    train = rows("single", 100, 0)
    moved = train.features.copy()
    moved[:, 11] = 0.9
    found = fit_predict("single", train, np.concatenate([train.features, moved]), num_classes=3).predictions
    np.testing.assert_allclose(found[:100], found[100:], atol=1e-3)
