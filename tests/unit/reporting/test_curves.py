"""Curves read from events: repeated steps, broken numbers, long runs."""

from __future__ import annotations

import pytest

from afina.reporting.curves import read_curves, smooth, thin


def test_read_curves_counts_a_repeated_step_once_the_last_time():
    events = [{"kind": "step", "step": step, "loss": loss} for step, loss in ((1, 3.0), (2, 2.0), (2, 1.0), (3, 0.5))]
    curves = read_curves(events)
    assert curves.train_loss == ((1.0, 3.0), (2.0, 1.0), (3.0, 0.5))
    assert curves.last_step == 3


def test_read_curves_leaves_out_what_is_no_number():
    losses = [1.0, float("nan"), "nan", None, float("inf"), True]
    events = [{"kind": "step", "step": step, "loss": loss} for step, loss in enumerate(losses)]
    assert read_curves(events).train_loss == ((0.0, 1.0),)


def test_read_curves_keeps_apart_an_end_and_a_cut():
    assert read_curves([]).end_reason is None
    assert read_curves([{"kind": "fit_end", "reason": "", "best_step": 4}]).end_reason == ""
    assert read_curves([{"kind": "fit_end", "reason": "", "best_step": 4}]).best_step == 4


def test_read_curves_reads_scores_by_name_and_only_of_validation():
    events = [
        {"kind": "evaluation", "split": "validation", "step": 5, "loss": 1.0, "metrics": {"accuracy": 0.5}},
        {"kind": "evaluation", "split": "test", "step": 6, "loss": 9.0, "metrics": {"accuracy": 0.9}},
        {"kind": "evaluation", "split": "validation", "step": 10, "loss": 0.8, "metrics": None},
    ]
    curves = read_curves(events)
    assert curves.validation_metrics == {"accuracy": ((5.0, 0.5),)}
    assert curves.validation_loss == ((5.0, 1.0), (10.0, 0.8))


def test_read_curves_tells_of_memory_that_ran_out():
    (level, step, text), *_ = read_curves([{"kind": "out_of_memory", "step": 7, "micro_batch_size": 4}]).notes
    assert (level, step) == ("warn", 7)
    assert "4 rows at a time" in text


def test_smooth_keeps_a_straight_level_and_narrows_noise():
    level = tuple((float(step), 2.0) for step in range(100))
    assert smooth(level) == level
    noisy = tuple((float(step), 1.0 if step % 2 else -1.0) for step in range(1, 201))
    assert max(abs(value) for _, value in smooth(noisy)[20:]) < 0.2
    assert smooth(()) == ()


def test_thin_keeps_the_mean_and_the_end():
    points = tuple((float(step), float(step)) for step in range(1, 10_001))
    few = thin(points, 100)
    assert len(few) == 100
    assert few[-1][0] == 10_000
    assert sum(value for _, value in few) / 100 == pytest.approx(5000.5)
    assert thin(points[:5], 100) == points[:5]
