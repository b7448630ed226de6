"""A number that is known only to lie between two others: what every estimate of the planner is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes or seconds.

    Attributes:
        low: What it takes at least.
        high: What it is not expected to exceed.
    """

    low: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float | None = None) -> Span:
        """Return the range with its ends multiplied, both by `low` where `high` is None."""
        return Span(self.low * low, self.high * (low if high is None else high))


ZERO = Span(0.0, 0.0)
"""Nothing, for certain."""
