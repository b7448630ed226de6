import time

import numpy as np
import pytest

from afina.metrics import bootstrap, resampled


def contender(right):
    return resampled.mean_of(np.asarray(right))


def test_identical_contenders_differ_by_exactly_nothing():
    right = np.random.default_rng(0).random(300) < 0.8
    found = bootstrap.paired_bootstrap([contender(right)], [contender(right)], np.ones(300, dtype=int))
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_interval_covers_the_true_difference():
    generator = np.random.default_rng(1)
    covered = 0
    for repeat in range(200):
        # True difference: 0.8 of the rows are right for both, half of the rest for the second alone: 0.1.
        kind = generator.choice(3, size=150, p=[0.8, 0.1, 0.1])
        first, second = kind == 0, kind != 2
        found = bootstrap.paired_bootstrap(
            [contender(first)], [contender(second)], np.ones(150, dtype=int), num_resamples=400, seed=repeat
        )
        covered += found.low <= 0.1 <= found.high
    assert 180 <= covered <= 199


def test_interval_agrees_with_the_normal_approximation():
    generator = np.random.default_rng(2)
    errors = generator.normal(size=2000)
    samples = bootstrap.resample([contender(errors)], np.ones(2000, dtype=int), num_resamples=4000, seed=0)[0]
    low, high = bootstrap.percentile_interval(samples, confidence=0.95)
    half_width = 1.96 * errors.std() / np.sqrt(2000)
    assert low == pytest.approx(errors.mean() - half_width, abs=0.1 * half_width)
    assert high == pytest.approx(errors.mean() + half_width, abs=0.1 * half_width)


def test_drawing_cells_and_drawing_rows_are_the_same_distribution():
    # 30 right of 100: two cells are drawn as a multinomial, a hundred as rows.
    right = np.arange(100) < 30
    groups = bootstrap.cells(right)
    by_row = bootstrap.resample([contender(right)], np.ones(100, dtype=int), num_resamples=8000, seed=0)[0]
    by_cell = bootstrap.resample([contender(right[groups.first])], groups.counts, num_resamples=8000, seed=0)[0]
    assert by_row.mean() == pytest.approx(by_cell.mean(), abs=0.003)
    assert by_row.std() == pytest.approx(by_cell.std(), abs=0.002)


def test_cells_do_not_depend_on_the_order_of_rows():
    generator = np.random.default_rng(3)
    references, predicted = generator.integers(0, 3, 200), generator.integers(0, 2, (200, 2)).astype(bool)
    order = generator.permutation(200)
    groups = bootstrap.cells(references, predicted)
    shuffled = bootstrap.cells(references[order], predicted[order])
    assert groups.counts.tolist() == shuffled.counts.tolist()
    assert references[groups.first].tolist() == references[order][shuffled.first].tolist()
    assert groups.counts.sum() == 200


def test_seeds_that_disagree_widen_the_interval():
    generator = np.random.default_rng(4)
    base = [generator.random(500) < 0.8 for _ in range(5)]
    steady = [generator.random(500) < 0.85 for _ in range(5)]
    erratic = [generator.random(500) < share for share in (0.6, 0.7, 0.9, 1.0, 1.0)]
    counts = np.ones(500, dtype=int)
    sure = bootstrap.paired_bootstrap([*map(contender, base)], [*map(contender, steady)], counts)
    unsure = bootstrap.paired_bootstrap([*map(contender, base)], [*map(contender, erratic)], counts)
    assert sure.low > 0
    assert unsure.high - unsure.low > 2 * (sure.high - sure.low)
    assert sure.difference == pytest.approx(np.mean(steady) - np.mean(base))


def test_unequal_numbers_of_seeds_are_refused():
    with pytest.raises(ValueError, match="same seeds"):
        bootstrap.paired_bootstrap([contender([1.0])], [], np.ones(1, dtype=int))


def test_undefined_samples_are_left_out_until_they_are_the_most():
    assert bootstrap.percentile_interval(np.array([1.0, 2.0, np.nan]), confidence=0.5) == (1.25, 1.75)
    assert np.isnan(bootstrap.percentile_interval(np.array([1.0, np.nan, np.nan]), confidence=0.5)).all()
    assert np.isnan(bootstrap.bootstrap_p_value(np.full(3, np.nan)))


def test_p_value_is_small_when_every_resample_agrees():
    assert bootstrap.bootstrap_p_value(np.full(1999, 0.1)) == pytest.approx(0.001)


def test_two_thousand_resamples_of_two_thousand_rows_are_fast():
    generator = np.random.default_rng(5)
    predicted, actual = (generator.integers(0, 20, 2000)[:, None] == np.arange(20) for _ in range(2))
    metric = resampled.macro_f1_of(predicted, actual)
    start = time.process_time()
    bootstrap.paired_bootstrap([metric], [metric], np.ones(2000, dtype=int), num_resamples=2000)
    assert time.process_time() - start < 1.0
