"""The reliability diagram and the scatter."""

from __future__ import annotations

from afina.reporting.picture_calibration import reliability_picture, values_picture


def test_reliability_picture_draws_one_dot_per_bin_that_holds_something():
    bins = [
        {"low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None},
        {"low": 0.5, "high": 0.75, "count": 4, "confidence": 0.6, "accuracy": 0.5},
        {"low": 0.75, "high": 1.0, "count": 16, "confidence": 0.9, "accuracy": 1.0},
    ]
    markup = reliability_picture({"bins": bins})
    assert markup.count("<circle") == 2
    assert "4 predictions, 60.0% sure on average, 50.0% right" in markup
    assert "75% to 100%" in markup


def test_reliability_picture_without_predictions_is_none():
    assert reliability_picture({"bins": []}) == ""
    assert reliability_picture({}) == ""


def test_values_picture_draws_each_pair_and_sums_up_in_fifths():
    pairs = [(float(value), value + 1.0) for value in range(10)]
    markup = values_picture(pairs)
    assert markup.count("<circle") == 10
    assert markup.count('<th scope="row">') == 5
    assert markup.count('<td class="figure">1.00</td>') == 5
    assert values_picture([]) == ""


def test_values_picture_takes_a_single_value():
    assert values_picture([(2.0, 2.0)]).count("<circle") == 1
