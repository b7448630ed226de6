"""How sure a mean over seeds is, when every seed is judged on the same rows.

Rows and seeds are both a sample: other rows, or other seeds, would have given other values. For a quantity with value
x_s for each of S seeds, let R be the bootstrap variance over rows of its mean over the seeds, and R_s that of each
seed alone. What rows and seeds share (a seed that is right on other rows, not on more of them) is in both, and is

    I = (mean R_s - R) / (S - 1),         the variance of the row-by-seed part in the mean over seeds.

The rest is of the rows, R - I, known from many rows; and V = variance of x_s / S is of the seeds, I included, known
from few. Both ends of the interval are

    h^2 = z^2 (R - I) + t^2 V,            z normal, t Student's,

the modified large-sample bound for a sum of variances (Graybill and Wang 1980, JASA 75): by simulation it keeps its
level whatever the share of the seeds, which resampling two or three seeds does not. It is never narrower than with I
instead of V: seeds that agree by chance, as shares of few rows do, make nothing surer. Where several contestants ran
with the same seeds, V is the larger of its own estimate and the one that all of them give together, and t has the
degrees of freedom of the latter; `tests/unit/evaluation/test_ranking.py` simulates that too.

Legend: S seeds, R resamples, E contestants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from afina.metrics import bootstrap, student
from afina.metrics.classification import FloatArray

_SMALLEST_P = 1e-12


@dataclass(frozen=True, slots=True)
class Pooled:
    """What a seed changes, by all contestants together.

    Attributes:
        variance: Of one seed's value.
        degrees: Degrees of freedom of that estimate, >= 1.
    """

    variance: float
    degrees: int


@dataclass(frozen=True, slots=True)
class Crossed:
    """A mean over seeds, and how sure it is.

    Attributes:
        value: The mean.
        row_variance: Part of its variance that only more rows would reduce.
        shared_variance: Part that both would reduce: what a seed changes on single rows. 0 with one seed.
        seed_variance: Part that more seeds would reduce, the shared one included; 0 with one seed, which tells nothing.
        degrees: Degrees of freedom of the latter.
    """

    value: float
    row_variance: float
    shared_variance: float
    seed_variance: float
    degrees: float

    def half_width(self, confidence: float) -> float:
        """Return half the width of its interval."""
        normal = student.quantile(confidence, math.inf) ** 2
        squared = normal * self.shared_variance
        if self.seed_variance > 0:
            squared = max(squared, student.quantile(confidence, self.degrees) ** 2 * self.seed_variance)
        return math.sqrt(normal * self.row_variance + squared)

    def p_value(self) -> float:
        """Return the level at which an end of the interval is zero: the two-sided p-value of "it is zero"."""
        if not math.isfinite(self.value):
            return float("nan")
        if self.row_variance + self.shared_variance + self.seed_variance <= 0:
            return 1.0 if self.value == 0 else 0.0
        low, high = _SMALLEST_P, 1 - _SMALLEST_P
        for _ in range(40):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if self.half_width(1 - middle) > abs(self.value) else (low, middle)
        return high


def within(values: FloatArray) -> Pooled:
    """Return how much a contestant's value changes with the seed, from values of shape (E, S), S >= 2."""
    num_contestants, num_seeds = values.shape
    return Pooled(float(values.var(axis=1, ddof=1).mean()), num_contestants * (num_seeds - 1))


def between(values: FloatArray) -> Pooled:
    """Return how much the difference of two contestants changes with the seed, from values (E, S), both >= 2.

    What a seed does to all contestants alike cancels in a difference, so it is taken out first.
    """
    num_contestants, num_seeds = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    degrees = (num_contestants - 1) * (num_seeds - 1)
    return Pooled(2 * float((rest**2).sum()) / degrees, degrees)


def crossed(observed: FloatArray, samples: FloatArray, pooled: Pooled | None = None) -> Crossed:
    """Return the mean over seeds and how sure it is.

    Args:
        observed: The quantity of each seed on all rows, shape (S,).
        samples: The same on resamples of the rows, equal resamples for every seed, shape (S, R).
        pooled: What all contestants together say of a seed's part; None leaves it to this one.
    """
    num_seeds = len(observed)
    defined = samples[:, ~np.isnan(samples).any(axis=0)]
    if 2 * defined.shape[1] < samples.shape[1]:
        return Crossed(float("nan"), float("nan"), 0.0, 0.0, math.inf)
    of_mean = float(defined.mean(axis=0).var(ddof=1))
    if num_seeds == 1:
        return Crossed(float(observed[0]), of_mean, 0.0, 0.0, math.inf)
    # Seeds that are right on opposite rows would make the mean look certain; what they share is then all there is.
    shared = max(0.0, (float(defined.var(axis=1, ddof=1).mean()) - of_mean) / (num_seeds - 1))
    variance, degrees = float(observed.var(ddof=1)), num_seeds - 1
    if pooled is not None:
        variance, degrees = max(variance, pooled.variance), max(degrees, pooled.degrees)
    return Crossed(
        value=float(observed.mean()),
        row_variance=max(0.0, of_mean - shared),
        shared_variance=shared,
        seed_variance=variance / num_seeds,
        degrees=float(degrees),
    )


def interval(estimate: Crossed, samples: FloatArray, *, confidence: float) -> tuple[float, float]:
    """Return both ends: a percentile interval of the resamples with one seed, else the symmetric one.

    Args:
        estimate: What `crossed` returned.
        samples: What it was given, shape (S, R).
        confidence: Above 0 and below 1.
    """
    if len(samples) == 1:
        return bootstrap.percentile_interval(samples[0], confidence=confidence)
    half = estimate.half_width(confidence)
    return estimate.value - half, estimate.value + half
