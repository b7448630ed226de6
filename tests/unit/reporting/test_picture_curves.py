"""The panels of a training."""

from __future__ import annotations

import re

from afina.reporting.curves import Curves
from afina.reporting.picture_curves import curves_picture, main_metric


def test_curves_picture_marks_the_best_step():
    loss = tuple((float(step), 1 / step) for step in range(1, 50))
    markup = curves_picture(Curves(train_loss=loss, validation_loss=((10.0, 0.5), (40.0, 0.4)), best_step=40))
    assert "best: step 40" in markup
    assert markup.count("validation-dot") == 2


def test_curves_picture_without_a_step_is_none():
    assert curves_picture(Curves()) == ""


def test_curves_picture_is_not_flattened_by_a_spike():
    loss = tuple((float(step), 1000.0 if step == 30 else 1.0 + step % 3) for step in range(1, 400))
    markup = curves_picture(Curves(train_loss=loss))
    shown = [float(text.replace(",", "")) for text in re.findall(r'text-anchor="end">([\d,.]+)</text>', markup)]
    assert max(shown) < 100
    assert 'clip-path="url(#losses)"' in markup


def test_curves_picture_takes_a_single_step_and_a_flat_line():
    assert "<svg" in curves_picture(Curves(train_loss=((1.0, 0.5),)))
    assert "<svg" in curves_picture(Curves(train_loss=((1.0, 0.5), (2.0, 0.5)), learning_rate=((1.0, 0.0), (2.0, 0.0))))


def test_main_metric_is_the_first_score():
    scores = {"loss": ((1.0, 2.0),), "macro_f1": ((1.0, 0.3),)}
    assert main_metric(Curves(validation_metrics=scores)) == ("macro_f1", ((1.0, 0.3),))
    assert main_metric(Curves()) == ("", ())
