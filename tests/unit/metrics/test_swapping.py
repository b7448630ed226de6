"""Dealing answers by a coin: against every deal there is, and against McNemar's mid-p."""

import itertools

import numpy as np
import pytest

from afina.metrics import mcnemar
from afina.metrics.swapping import swap_p_value


def test_equals_the_share_of_all_deals():
    draw = np.random.default_rng(0)
    references = draw.integers(0, 3, 8)
    first = [draw.integers(0, 3, 8) for _ in range(2)]
    second = [draw.integers(0, 3, 8) for _ in range(2)]

    def difference(deal):
        swapped = np.asarray(deal, dtype=bool)
        values = [
            np.mean(np.where(swapped, one, other) == references) - np.mean(np.where(swapped, other, one) == references)
            for one, other in zip(first, second, strict=True)
        ]
        return abs(np.mean(values))

    every = np.asarray([difference(deal) for deal in itertools.product((0, 1), repeat=8)])
    observed = difference([0] * 8)
    exact = np.mean(every > observed + 1e-12) + 0.5 * np.mean(np.abs(every - observed) <= 1e-12)
    found = swap_p_value("single", references, first, second, num_classes=3, num_deals=20_000)
    assert found == pytest.approx(exact, abs=0.012)


def test_of_one_seed_is_mcnemars_mid_p():
    references = np.zeros(60, dtype=np.int64)
    first, second = np.zeros(60, dtype=np.int64), np.zeros(60, dtype=np.int64)
    first[:9], second[9:11] = 1, 1
    expected = mcnemar.mcnemar(first == references, second == references).mid_p
    found = swap_p_value("single", references, [first], [second], num_classes=2, num_deals=20_000)
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("problem", ["single", "multi", "regression"])
def test_same_answers_are_never_told_apart_and_other_ones_are(problem):
    draw = np.random.default_rng(1)
    references = {
        "single": draw.integers(0, 3, 80),
        "multi": draw.integers(0, 2, (80, 3)).astype(bool),
        "regression": draw.standard_normal(80),
    }[problem]
    wrong = references + 1.0 if problem == "regression" else np.roll(references, 1, axis=0)
    # Every deal ties with what was observed, and ties count half: far from any level.
    assert swap_p_value(problem, references, [wrong], [wrong], num_classes=3) == pytest.approx(0.5, abs=0.001)
    assert swap_p_value(problem, references, [references], [wrong], num_classes=3) < 0.001
