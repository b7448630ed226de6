"""Several contestants on the same test rows, each with the same seeds: who is best, and what may be said of it.

Every pair is compared, row by row and seed by seed, and the p-values are adjusted together (Holm), so that all claims
of one ranking hold at once. A winner is named only if it is told apart from every other; else all that could not be
told apart from the best stand beside it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.evaluation.compare import Sampling
from afina.evaluation.scoring import defined
from afina.metrics import bootstrap, crossed, resampled, score, wording
from afina.metrics.classification import FloatArray
from afina.metrics.holm import holm
from afina.metrics.swapping import swap_p_value

MOST_DEALS = 20_000
"""Deals behind a p-value at most; as many as the number of pairs asks for, that small ones can be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One contestant's main metric.

    Attributes:
        name: The contestant.
        by_seed: Its value with each seed.
        value: Their mean.
        low: Lower end of the mean's interval; None when undefined.
        high: Upper end.
    """

    name: str
    by_seed: tuple[float, ...]
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two contestants compared on the same rows and seeds.

    Attributes:
        first: One of them.
        second: The other.
        difference: first - second, mean over seeds, in the metric's unit.
        low: Lower end of its interval, not adjusted for the number of pairs; None when undefined.
        high: Upper end.
        p_value: Two-sided p-value of "no difference".
        adjusted: The same after Holm, over all pairs.
        is_told_apart: Whether the difference is shown: the interval leaves zero out and the adjusted p-value is below
            the level.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p_value: float
    adjusted: float
    is_told_apart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """What several contestants' answers to the same rows show.

    Attributes:
        metric: The metric that decides.
        n: Test rows.
        num_seeds: Seeds of each contestant.
        confidence: Confidence of every interval, 0..1; 1 - confidence is the level of all claims together.
        standings: The contestants, best first.
        pairs: Every pair of them, the better one first.
    """

    metric: str
    n: int
    num_seeds: int
    confidence: float
    standings: tuple[Standing, ...]
    pairs: tuple[Pair, ...]

    @property
    def best(self) -> str:
        """Name of the contestant with the best value, shown to be best or not."""
        return self.standings[0].name

    @property
    def winner(self) -> str | None:
        """Name of the contestant that is shown to be better than every other, or None."""
        return self.best if len(self.standings) > 1 and len(self.leaders) == 1 else None

    @property
    def leaders(self) -> tuple[str, ...]:
        """The best and all that it could not be told apart from, best first."""
        return (self.best, *(pair.second for pair in self.against_best() if not pair.is_told_apart))

    def against_best(self) -> tuple[Pair, ...]:
        """Return the pairs of the best with each other contestant, in their order."""
        return tuple(pair for pair in self.pairs if pair.first == self.best)

    @property
    def smallest_visible(self) -> float:
        """Size below which a difference between the leaders cannot be told from chance, as far as these rows show.

        Half their widest interval, and no less than a difference that was not told apart; for a share of right rows at
        least what a test can see when every row that changed changed for the better.
        """
        level = [pair for pair in self.against_best() if not pair.is_told_apart] or list(self.against_best())
        widths = [(pair.high - pair.low) / 2 for pair in level if pair.low is not None and pair.high is not None]
        smallest = max([*widths, *(abs(pair.difference) for pair in level if not pair.is_told_apart)], default=0.0)
        if self.metric != "accuracy":
            return smallest
        num_changed = math.floor(math.log2(1 / (1 - self.confidence))) + 1
        return max(smallest, min(1.0, num_changed / self.n))


def rank(
    problem: str,
    references: NDArray[Any],
    predictions: Mapping[str, Sequence[NDArray[Any]]],
    *,
    num_classes: int = 0,
    sampling: Sampling | None = None,
) -> Ranking:
    """Rank contestants by the main metric.

    Args:
        problem: `single`, `multi` or `regression`.
        references: Answers, shape (N,), multi (N, C).
        predictions: By contestant, what it predicted with each seed, shape (N, C), or (N, 1) for regression. All have
            the same seeds in the same order.
        num_classes: Number of classes of a `single` problem.
        sampling: Confidence, resamples and seed.

    Raises:
        ValueError: If contestants have different numbers of seeds.
    """
    sampling = sampling or Sampling()
    if len({len(seeds) for seeds in predictions.values()}) > 1:
        raise ValueError("every contestant needs the same seeds")
    known = references.astype(bool) if problem == "multi" else references
    decisions = {name: [score.decide(problem, values) for values in seeds] for name, seeds in predictions.items()}
    field = _Field(
        problem, known, decisions, num_classes, sampling, *_resampled(problem, known, decisions, num_classes, sampling)
    )
    return Ranking(
        metric=score.main_metric(problem),
        n=len(references),
        num_seeds=len(decisions[field.order[0]]),
        confidence=sampling.confidence,
        standings=_standings(field),
        pairs=_pairs(field),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """What every contestant decided, and its main metric by seed (S,) and on resampled rows (S, R)."""

    problem: str
    references: NDArray[Any]
    decisions: Mapping[str, Sequence[NDArray[Any]]]
    num_classes: int
    sampling: Sampling
    observed: Mapping[str, FloatArray]
    samples: Mapping[str, FloatArray]

    @property
    def order(self) -> list[str]:
        """Names, best first; among equals in the given order."""
        sign = -1 if score.is_higher_better(score.main_metric(self.problem)) else 1
        return sorted(self.decisions, key=lambda name: sign * float(self.observed[name].mean()))

    @property
    def table(self) -> FloatArray | None:
        """Values by contestant and seed, shape (E, S); None with one seed."""
        table = np.stack([self.observed[name] for name in self.order])
        return table if table.shape[1] > 1 else None


def _resampled(
    problem: str,
    references: NDArray[Any],
    decisions: Mapping[str, Sequence[NDArray[Any]]],
    num_classes: int,
    sampling: Sampling,
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    names = sorted(decisions)  # the same draws whatever order the contestants are given in
    every = [seed for name in names for seed in decisions[name]]
    groups = bootstrap.cells(references, *every)
    known = references[groups.first]
    main = score.main_metric(problem)
    metrics = [resampled.build(problem, chosen[groups.first], known, num_classes)[main] for chosen in every]
    samples = bootstrap.resample(metrics, groups.counts, num_resamples=sampling.num_resamples, seed=sampling.seed)
    everything = groups.counts[None, :].astype(np.float64)
    values = np.asarray([metric(everything)[0] for metric in metrics])
    starts = np.cumsum([0, *(len(decisions[name]) for name in names)])
    places = {name: slice(starts[place], starts[place + 1]) for place, name in enumerate(names)}
    return {name: values[where] for name, where in places.items()}, {
        name: samples[where] for name, where in places.items()
    }


def _standings(field: _Field) -> tuple[Standing, ...]:
    table = field.table
    pooled = None if table is None else crossed.within(table)
    standings = []
    for name in field.order:
        observed, samples = field.observed[name], field.samples[name]
        estimate = crossed.crossed(observed, samples, pooled)
        low, high = crossed.interval(estimate, samples, confidence=field.sampling.confidence)
        if wording.is_share(score.main_metric(field.problem)):
            low, high = max(0.0, low), min(1.0, high)
        standings.append(
            Standing(
                name=name,
                by_seed=tuple(float(value) for value in observed),
                value=float(observed.mean()),
                low=defined(low),
                high=defined(high),
            )
        )
    return tuple(standings)


def _pairs(field: _Field) -> tuple[Pair, ...]:
    names = list(itertools.combinations(field.order, 2))
    table = field.table
    pooled = crossed.between(table) if table is not None and names else None
    found = []
    for first, second in names:
        apart = field.samples[first] - field.samples[second]
        estimate = crossed.crossed(field.observed[first] - field.observed[second], apart, pooled)
        ends = crossed.interval(estimate, apart, confidence=field.sampling.confidence)
        shown = not np.isnan(ends[0]) and not ends[0] <= 0 <= ends[1]
        p_value = max(estimate.p_value(), _dealt(field, first, second, len(names))) if shown else estimate.p_value()
        found.append((estimate.value, ends, 1.0 if np.isnan(p_value) else p_value))
    adjusted = holm([p_value for _, _, p_value in found])
    return tuple(
        Pair(
            first=first,
            second=second,
            difference=difference,
            low=defined(ends[0]),
            high=defined(ends[1]),
            p_value=p_value,
            adjusted=together,
            is_told_apart=ends[0] * ends[1] > 0 and together < 1 - field.sampling.confidence,
        )
        for (first, second), (difference, ends, p_value), together in zip(names, found, adjusted, strict=True)
    )


def _dealt(field: _Field, first: str, second: str, num_pairs: int) -> float:
    return swap_p_value(
        field.problem,
        field.references,
        field.decisions[first],
        field.decisions[second],
        num_classes=field.num_classes,
        num_deals=min(MOST_DEALS, field.sampling.num_resamples * max(1, num_pairs // 4)),
        seed=field.sampling.seed,
    )
