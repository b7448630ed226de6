"""Accumulation changes nothing: eight micro-batches of one row are one of eight, whatever the technique."""

import pytest

from tests import tiny

CASES = {
    "cls": {"pooling": "cls"},
    "mean": {"pooling": "mean"},
    "multi": {"pooling": "mean", "problem": "multi"},
    "regression": {"pooling": "cls", "problem": "regression"},
    "windows": {"pooling": "cls", "windows": 3},
    "l2-sp": {"pooling": "cls", "retention": ("l2-sp", {})},
    "l2-sp of sgd": {"pooling": "mean", "retention": ("l2-sp", {}), "optimizer": ("sgd", {})},
    "stages": {"pooling": "cls", "tuning": ("full", {"head_first_epochs": 0.5, "layer_decay": 0.9})},
    "bias": {"pooling": "cls", "tuning": ("bias", {})},
    "muon": {"pooling": "cls", "optimizer": ("muon", {})},
    "clipped": {"pooling": "cls", "max_gradient_norm": 0.01},
}


def _fitted(folder, micro_batch_size, precision, *, pooling, problem="single", windows=1, **options):
    model = tiny.load(folder, pooling, problem)
    # 21 rows: the last step of each epoch has five.
    rows = tiny.rows(21, pooling, problem, windows=windows)
    loop = tiny.loop(model, rows, micro_batch_size=micro_batch_size, precision=precision, **options)
    start = tiny.weights(model)
    loop.fit()
    end = tiny.weights(model)
    assert tiny.distance(end, start) > 1e-4
    return end, loop.progress.loss


def _without_key_biases(weights):
    return {name: weight for name, weight in weights.items() if not name.endswith("key.bias")}


@pytest.mark.parametrize("case", CASES)
def test_one_row_at_a_time_is_all_at_once_in_float64(tiny_folder, case):
    options = CASES[case]
    # Muon orthogonalises in bfloat16, where the last bit of a sum is seen.
    tolerance = 1e-5 if case == "muon" else 1e-12
    whole, loss = _fitted(tiny_folder("bert"), 8, "float64", **options)
    for size in (1, 3):
        split, split_loss = _fitted(tiny_folder("bert"), size, "float64", **options)
        if case == "l2-sp":
            # The pull is the only gradient of key biases, and Adam makes steps of its rounding; no output sees them,
            # and the loss sees them by the pull alone.
            whole, split = (_without_key_biases(weights) for weights in (whole, split))
        assert tiny.distance(whole, split) < tolerance
        assert split_loss == pytest.approx(loss, rel={"muon": 1e-4, "l2-sp": 1e-7}.get(case, 1e-9))


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_one_row_at_a_time_is_all_at_once_in_float32(tiny_folder, family, pooling):
    whole, _ = _fitted(tiny_folder(family), 8, "float32", pooling=pooling, learning_rate=1e-4)
    split, _ = _fitted(tiny_folder(family), 1, "float32", pooling=pooling, learning_rate=1e-4)
    assert tiny.distance(whole, split) < 5e-6


def test_a_mean_of_means_would_have_been_noticed(tiny_folder):
    # 21 rows in micro-batches of 3: a loss divided per micro-batch weighs the two rows of a rest like three.
    whole, _ = _fitted(tiny_folder("bert"), 8, "float64", pooling="cls")
    other, _ = _fitted(tiny_folder("bert"), 8, "float64", pooling="cls", learning_rate=1.00001e-3)
    assert tiny.distance(whole, other) > 1e-10
