"""Rows and seeds crossed: the parts of the variance against an analysis of variance, the ends against their law."""

import math

import numpy as np
import pytest

from afina.metrics import bootstrap, crossed, resampled

ROWS, SEEDS = 300, 3


def _differences(seed_spread=0.05, seed=0):
    """Return differences of rows under seeds, (S, N), with an effect of the row, of the seed, and of both together."""
    draw = np.random.default_rng(seed)
    row, both = draw.standard_normal(ROWS), draw.standard_normal((SEEDS, ROWS))
    return 0.2 + row + 0.7 * both + seed_spread * draw.standard_normal((SEEDS, 1))


def _samples(table, num_resamples=4000):
    metrics = [resampled.mean_of(row) for row in table]
    return bootstrap.resample(metrics, np.ones(table.shape[1], dtype=np.int64), num_resamples=num_resamples, seed=1)


def test_parts_are_those_of_an_analysis_of_variance():
    table = _differences()
    found = crossed.crossed(table.mean(axis=1), _samples(table))
    # Mean squares of the two-way layout without replication, divided down to the variance of the grand mean.
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    both = (rest**2).sum() / ((ROWS - 1) * (SEEDS - 1)) / (ROWS * SEEDS)
    rows = SEEDS * ((table.mean(axis=0) - table.mean()) ** 2).sum() / (ROWS - 1) / (ROWS * SEEDS)
    seeds = table.mean(axis=1).var(ddof=1) / SEEDS
    assert found.value == pytest.approx(table.mean())
    assert found.shared_variance == pytest.approx(both, rel=0.12)
    assert found.row_variance + found.shared_variance == pytest.approx(rows, rel=0.06)
    assert found.seed_variance == pytest.approx(seeds)
    assert found.degrees == SEEDS - 1


def test_bootstrap_parts_agree_with_drawing_rows_one_by_one():
    table = _differences()[:, :40]
    draw = np.random.default_rng(5)
    drawn = [table[:, draw.integers(0, 40, 40)].mean(axis=1) for _ in range(3000)]
    slow = crossed.crossed(table.mean(axis=1), np.asarray(drawn).T)
    fast = crossed.crossed(table.mean(axis=1), _samples(table))
    assert fast.row_variance + fast.shared_variance == pytest.approx(slow.row_variance + slow.shared_variance, rel=0.1)


def test_one_seed_counts_rows_alone():
    table = _differences()[:1]
    samples = _samples(table)
    found = crossed.crossed(table.mean(axis=1), samples)
    assert found.seed_variance == found.shared_variance == 0.0
    assert found.half_width(0.95) == pytest.approx(1.96 * table[0].std() / math.sqrt(ROWS), rel=0.05)
    ends = crossed.interval(found, samples, confidence=0.9)
    assert ends == bootstrap.percentile_interval(samples[0], confidence=0.9)


def test_seeds_that_agree_by_chance_make_nothing_surer_than_rows_do():
    table = _differences()
    alike = table - table.mean(axis=1, keepdims=True) + table.mean()
    found = crossed.crossed(alike.mean(axis=1), _samples(alike))
    rows_alone = crossed.crossed(alike.mean(axis=0).mean(keepdims=True), _samples(alike.mean(axis=0)[None]))
    assert found.seed_variance == pytest.approx(0.0, abs=1e-20)
    assert found.half_width(0.95) == pytest.approx(rows_alone.half_width(0.95), rel=0.05)


def test_p_value_is_the_level_at_which_an_end_is_zero():
    found = crossed.Crossed(0.5, row_variance=0.01, shared_variance=0.002, seed_variance=0.01, degrees=2.0)
    assert found.half_width(1 - found.p_value()) == pytest.approx(0.5, rel=1e-4)
    assert crossed.Crossed(0.0, 0.0, 0.0, 0.0, 1.0).p_value() == 1.0
    assert crossed.Crossed(0.1, 0.0, 0.0, 0.0, 1.0).p_value() == 0.0


def test_pooled_seed_parts():
    values = np.asarray([[1.0, 2.0, 3.0], [2.0, 3.0, 4.5]])
    assert crossed.within(values).variance == pytest.approx((1.0 + np.var([2, 3, 4.5], ddof=1)) / 2)
    assert crossed.within(values).degrees == 4
    # With two contestants the pooled part is the one pair's own.
    assert crossed.between(values).variance == pytest.approx(np.var(values[1] - values[0], ddof=1))
    assert crossed.between(values).degrees == 2
    larger = crossed.crossed(
        values[0], np.tile(values[0][:, None], 50) + np.linspace(-1, 1, 50), crossed.Pooled(9.0, 7)
    )
    assert larger.seed_variance == pytest.approx(3.0)
    assert larger.degrees == 7


def test_what_is_mostly_undefined_is_undefined():
    found = crossed.crossed(np.zeros(2), np.full((2, 50), np.nan))
    assert math.isnan(found.value)
    assert math.isnan(found.p_value())


def test_seeds_that_are_right_on_opposite_rows_are_not_certain_of_their_mean():
    right = np.asarray([[1.0, 0.0] * 20, [0.0, 1.0] * 20])
    found = crossed.crossed(right.mean(axis=1), _samples(right))
    assert found.seed_variance == 0.0
    assert found.half_width(0.95) == pytest.approx(1.96 * 0.5 / math.sqrt(40), rel=0.1)
