"""What the representation lost: the same probe on the base's and on the tuned model's features of rows from elsewhere.

Both probes are fitted and judged by cross-validation on identical folds, so every row is predicted by a probe that
never saw it, and the two predictions of a row are a pair. A model that turned into a specialist by throwing away what
it does not need for its own task does worse here, whatever its test score says.

Legend: N rows, H features, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afina.base.errors import DataError
from afina.base.messages import say
from afina.evaluation import probe, scoring, verdict
from afina.evaluation.compare import Sampling
from afina.evaluation.contender import Interval, Problem
from afina.evaluation.contract import Forgetting, Outcome
from afina.metrics import bootstrap, mcnemar, resampled, score, wording
from afina.metrics.classification import FloatArray

NUM_FOLDS = 5
"""Folds unless asked otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Retained:
    """One labelled file from elsewhere, as both models see it.

    Attributes:
        name: The file, as the user named it.
        problem: `single`, `multi` or `regression`.
        references: Classes (N,), zeros and ones (N, C), or values (N,).
        base: The base's features, shape (N, H).
        tuned: The tuned model's features, shape (N, H).
        num_classes: Number of classes of a `single` problem.
    """

    name: str
    problem: Problem
    references: NDArray[Any]
    base: NDArray[Any]
    tuned: NDArray[Any]
    num_classes: int = 0


def measure(retained: Retained, *, sampling: Sampling | None = None, num_folds: int = NUM_FOLDS) -> Forgetting:
    """Return what a probe on the representation lost, or gained, on one retained file.

    Args:
        retained: The file's rows as both models see them.
        sampling: Confidence, resamples and seed; the seed also draws the folds.
        num_folds: Folds of the cross-validation, at least 3.

    Raises:
        DataError: If there are fewer than two rows per fold or only one class.
    """
    sampling = sampling or Sampling()
    _check(retained, num_folds)
    folds = assign_folds(retained.problem, retained.references, num_folds, seed=sampling.seed)
    base = cross_validated(retained, retained.base, folds)
    tuned = cross_validated(retained, retained.tuned, folds)
    metric = score.main_metric(retained.problem)
    between, p_value = _paired(retained, base, tuned, sampling)
    scores = [score.METRICS[retained.problem][metric](values, retained.references) for values in (base, tuned)]
    outcome = verdict.outcome(metric, between, p_value, confidence=sampling.confidence)
    return Forgetting(
        name=retained.name,
        problem=retained.problem,
        metric=metric,
        n=len(retained.references),
        num_folds=num_folds,
        base=scores[0],
        tuned=scores[1],
        difference=scores[1] - scores[0],
        interval=between,
        outcome=outcome,
        sentence=_sentence(retained.name, metric, (scores[0], scores[1]), between, outcome),
    )


def assign_folds(problem: str, references: NDArray[Any], num_folds: int, *, seed: int) -> NDArray[np.int64]:
    """Return the fold of each row, shape (N,); the rows of a class are spread evenly over the folds.

    Args:
        problem: `single`, `multi` or `regression`; only `single` is stratified by class.
        references: Classes (N,), zeros and ones (N, C), or values (N,).
        num_folds: Number of folds.
        seed: Seed of the draw.
    """
    shuffled = np.random.default_rng(seed).permutation(len(references))
    if problem == "single":
        shuffled = shuffled[np.argsort(references[shuffled], kind="stable")]
    folds = np.empty(len(references), dtype=np.int64)
    folds[shuffled] = np.arange(len(references)) % num_folds
    return folds


def cross_validated(retained: Retained, features: NDArray[Any], folds: NDArray[np.int64]) -> FloatArray:
    """Return each row's prediction by a probe that never saw its fold, shape (N, C), or (N, 1) for regression.

    The next fold chooses the penalty and the rest are fitted on: a penalty that suits one representation and not the
    other would otherwise pass for forgetting.
    """
    parts: list[tuple[NDArray[np.bool_], FloatArray]] = []
    num_folds = int(folds.max()) + 1
    for fold in range(num_folds):
        held_out, choosing = folds == fold, folds == (fold + 1) % num_folds
        train, validation = (
            probe.Labelled(features[part], retained.references[part]) for part in (~held_out & ~choosing, choosing)
        )
        fitted = probe.fit_predict(
            retained.problem, train, features[held_out], num_classes=retained.num_classes, validation=validation
        )
        parts.append((held_out, fitted.predictions))
    predictions = np.empty((len(features), parts[0][1].shape[1]))
    for held_out, values in parts:
        predictions[held_out] = values
    return predictions


def _check(retained: Retained, num_folds: int) -> None:
    n = len(retained.references)
    if n < 2 * num_folds:
        raise DataError(
            "E-EVALUATION-004",
            say("{n} rows are too few to measure forgetting on.", n=n),
            where=retained.name,
            expected=say("at least {count} labelled rows", count=2 * num_folds),
            mend=say("Add rows to the file, or take it out of evaluation.retained."),
        )
    if retained.problem == "single" and len(np.unique(retained.references)) < 2:
        raise DataError(
            "E-EVALUATION-005",
            say("All rows have the same label, so there is nothing to tell apart."),
            where=retained.name,
            expected=say("rows of at least two classes"),
            mend=say("Add rows to the file, or take it out of evaluation.retained."),
        )


def _paired(
    retained: Retained, base: FloatArray, tuned: FloatArray, sampling: Sampling
) -> tuple[Interval, float | None]:
    problem, metric = retained.problem, score.main_metric(retained.problem)
    known = retained.references.astype(bool) if problem == "multi" else retained.references
    before, after = score.decide(problem, base), score.decide(problem, tuned)
    groups = bootstrap.cells(known, before, after)
    metrics = [
        resampled.build(problem, values[groups.first], known[groups.first], base.shape[1])[metric]
        for values in (before, after)
    ]
    samples = bootstrap.resample(metrics, groups.counts, num_resamples=sampling.num_resamples, seed=sampling.seed)
    p_value = mcnemar.mcnemar(before == known, after == known).mid_p if problem == "single" else None
    return scoring.interval(samples[1] - samples[0], confidence=sampling.confidence), p_value


def _sentence(name: str, metric: str, scores: tuple[float, float], between: Interval, outcome: Outcome) -> str:
    values = {
        "name": name,
        "metric": wording.title(metric),
        "base": wording.value_text(metric, scores[0]),
        "tuned": wording.value_text(metric, scores[1]),
        "interval": verdict.interval_text(metric, between),
    }
    if outcome == "worse":
        return say("It lost on {name}: {metric} {base} before, {tuned} after (difference {interval}).", **values)
    if outcome == "better":
        return say("It gained on {name}: {metric} {base} before, {tuned} after (difference {interval}).", **values)
    return say(
        "No loss can be shown on {name}: {metric} {base} before, {tuned} after (difference {interval}).", **values
    )
