"""The front of quality against cost."""

import random

from afina.evaluation.front import front


def test_front_keeps_what_nothing_else_beats():
    draw = random.Random(0)
    for _ in range(50):
        quality = {str(name): draw.randint(0, 6) / 6 for name in range(7)}
        cost = {name: float(draw.randint(1, 5)) for name in quality}
        kept = front(quality, cost)
        for name in quality:
            beaten = any(
                (quality[other], -cost[other]) != (quality[name], -cost[name])
                and quality[other] >= quality[name]
                and cost[other] <= cost[name]
                for other in quality
            )
            assert (name in kept) == (not beaten)
        assert [cost[name] for name in kept] == sorted(cost[name] for name in kept)


def test_front_leaves_out_what_has_no_cost():
    assert front({"a": 0.9, "b": 0.8}, {"b": 1.0}) == ("b",)
