"""Whether two classifiers are right equally often on the same rows.

McNemar 1947; the mid-p form is that of Fagerland, Lydersen and Laake 2013, "The McNemar test for binary matched-pairs
data", which keeps its level and is not as cautious as the exact one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class McNemar:
    """The test's table and p-values.

    Attributes:
        only_first: Rows that only the first got right.
        only_second: Rows that only the second got right.
        exact: Two-sided exact binomial p-value, 0..1.
        mid_p: The same with half the weight of the observed table, 0..1.
    """

    only_first: int
    only_second: int
    exact: float
    mid_p: float


def mcnemar(first_right: NDArray[Any], second_right: NDArray[Any]) -> McNemar:
    """Test whether the first and the second are right equally often.

    Args:
        first_right: Whether the first was right on each row, shape (N,), bool.
        second_right: Whether the second was, on the same rows.
    """
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    exact, mid_p = p_values(only_first, only_second)
    return McNemar(only_first, only_second, exact, mid_p)


def p_values(only_first: int, only_second: int) -> tuple[float, float]:
    """Return the exact and the mid-p value of a table with these discordant counts; 1 when nothing is discordant."""
    discordant, smaller = only_first + only_second, min(only_first, only_second)
    steps = np.arange(1, smaller + 1)
    # log C(n, k) grows by log((n - k + 1) / k): exact enough at any size, where factorials would overflow.
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((discordant - steps + 1) / steps))])
    mass = np.exp(log_choose - discordant * np.log(2.0))
    tail = 2 * mass.sum()
    return float(min(1.0, tail)), float(min(1.0, tail - mass[-1]))
