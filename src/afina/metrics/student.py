"""Student's t distribution, for any positive number of degrees of freedom, without more than the standard library.

The tail is a regularised incomplete beta function, by Lentz's continued fraction (Press et al. 2007, "Numerical
Recipes", section 6.4); the quantile is found by halving. tests/unit/metrics holds both to scipy.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-15
_PRECISION_OF_QUANTILE = 1e-10
_MOST_TERMS = 10_000


def two_sided_p(statistic: float, degrees: float) -> float:
    """Return the chance of a t at least as far from zero as `statistic`, 0..1.

    Args:
        statistic: Any real number.
        degrees: Degrees of freedom, above 0; infinity means the normal distribution.
    """
    if math.isinf(degrees):
        return math.erfc(abs(statistic) / math.sqrt(2))
    return _incomplete_beta(degrees / 2, 0.5, degrees / (degrees + statistic * statistic))


def quantile(confidence: float, degrees: float) -> float:
    """Return how far from zero `confidence` of all t lie at most: 1.96 for 0.95 and infinite degrees.

    Args:
        confidence: Above 0 and below 1.
        degrees: Degrees of freedom, above 0.
    """
    if math.isinf(degrees):
        return NormalDist().inv_cdf((1 + confidence) / 2)
    low, high = 0.0, 1.0
    while two_sided_p(high, degrees) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > _PRECISION_OF_QUANTILE * high:
        middle = (low + high) / 2
        if two_sided_p(middle, degrees) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The fraction converges fast on one side of the mean alone; the other side is its complement.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for term in range(1, _MOST_TERMS):
        twice = 2 * term
        for factor in (
            term * (b - term) * x / ((a + twice - 1) * (a + twice)),
            -(a + term) * (a + b + term) * x / ((a + twice) * (a + twice + 1)),
        ):
            d = 1.0 / _away(1 + factor * d)
            c = _away(1 + factor / c)
            value *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return value


def _away(value: float) -> float:
    """Return the value, kept away from the zero that it would be divided by."""
    return value if abs(value) > _TINY else _TINY
