"""Which contestants are worth their cost: those that no other beats in quality for as little."""

from __future__ import annotations

from collections.abc import Mapping


def front(quality: Mapping[str, float], cost: Mapping[str, float]) -> tuple[str, ...]:
    """Return the Pareto front, cheapest first.

    One is left out when another is at least as good and costs no more, and is better in one of the two. Values are
    taken as they are: how sure they are is for the ranking to say.

    Args:
        quality: Quality by name; more is better.
        cost: Cost by name, less is better; names without one take no part.
    """
    names = [name for name in quality if name in cost]
    kept = [
        name
        for name in names
        if not any(
            quality[other] >= quality[name]
            and cost[other] <= cost[name]
            and (quality[other] > quality[name] or cost[other] < cost[name])
            for other in names
        )
    ]
    return tuple(sorted(kept, key=lambda name: (cost[name], -quality[name])))
