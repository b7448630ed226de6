import numpy as np
import pytest
import torch

from afina.planning import duration
from afina.planning.activations import BlockShape
from afina.planning.duration import NOISE, Traffic
from afina.planning.probe import Measured, Sample
from afina.planning.workload import Shapes

SHAPE = BlockShape(width=64, outputs=512, widest=256, num_heads=4, num_blocks=2, num_weights=100_000)
MEASURED = Measured(Sample(1, 1, 128, 0.1, 0.2, 0, 0), Sample(8, 8, 128, 0.6, 1.0, 0, 0))


def _shapes(*pairs):
    return Shapes(*np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T)


def test_the_timed_batch_takes_the_time_it_took():
    span = duration.training(MEASURED, SHAPE, _shapes((8, 128)), 1.0)
    assert (span.low, span.high) == (pytest.approx(1.6 * NOISE.low), pytest.approx(1.6 * NOISE.high))


def test_time_grows_with_epochs_rows_and_tokens():
    short = duration.training(MEASURED, SHAPE, _shapes((8, 32)), 1.0)
    assert short.low < short.high < duration.training(MEASURED, SHAPE, _shapes((8, 128)), 1.0).high
    twice = duration.training(MEASURED, SHAPE, _shapes((8, 32)), 2.0)
    assert twice.low == pytest.approx(2 * short.low)
    assert duration.training(MEASURED, SHAPE, _shapes((8, 32), (8, 32)), 1.0).high == pytest.approx(twice.high)


def test_small_batches_pay_their_overhead_in_the_high_end():
    many = duration.training(MEASURED, SHAPE, _shapes(*[(1, 128)] * 8), 1.0)
    assert many.high > duration.training(MEASURED, SHAPE, _shapes((8, 128)), 1.0).high * 1.4


def test_judging_takes_the_forward_share():
    batches = _shapes((8, 100))
    trained, judged = duration.training(MEASURED, SHAPE, batches, 1.0), duration.judging(MEASURED, SHAPE, batches)
    assert judged.low == pytest.approx(trained.low * 0.6 / 1.6)
    assert duration.judging(MEASURED, SHAPE, _shapes()).high == 0


def test_moving_counts_steps_and_checkpoints():
    device = torch.device("cpu")
    one = duration.moving(Traffic(1e9, 1e9, 1, 0), device)
    assert 0 < one.low < one.high
    assert duration.moving(Traffic(1e9, 1e9, 10, 0), device).high == pytest.approx(10 * one.high)
    assert duration.moving(Traffic(1e9, 1e9, 1, 1), device).high > one.high
