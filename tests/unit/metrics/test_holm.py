"""Holm's adjustment against its definition, step by step."""

import random

import pytest

from afina.metrics.holm import holm


def _rejected(p_values, level):
    """Return what Holm's procedure rejects at a level, read off the paper."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    rejected = set()
    for rank, place in enumerate(order):
        if p_values[place] > level / (len(p_values) - rank):
            break
        rejected.add(place)
    return rejected


def test_adjusted_values_reject_what_the_procedure_rejects():
    draw = random.Random(0)
    for _ in range(200):
        p_values = [draw.random() ** 4 for _ in range(draw.randint(1, 8))]
        adjusted = holm(p_values)
        for level in (0.01, 0.05, 0.2):
            assert {place for place, value in enumerate(adjusted) if value <= level} == _rejected(p_values, level)


def test_known_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
