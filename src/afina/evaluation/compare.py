"""The tuned model against its base and against the trivial answer, on the same held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from afina.base.errors import DataError, QualityError
from afina.base.messages import say
from afina.evaluation import mistakes, scoring, verdict
from afina.evaluation.contender import Contender, Contenders, Interval, Problem
from afina.evaluation.contract import Difference, Evaluation, Example, Gap, Verdict
from afina.metrics import bootstrap, mcnemar, resampled, score
from afina.metrics.classification import FloatArray

CONTENDERS: tuple[Contender, ...] = get_args(Contender)
"""The three contenders, weakest first."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What each contender predicted for the test rows.

    Attributes:
        majority: The trivial answer, shape (N, C), or (N, 1) for regression.
        base: The base as it came, same shape.
        tuned: The tuned model, same shape.
        methods: How each was made, one sentence by contender.
    """

    majority: NDArray[Any]
    base: NDArray[Any]
    tuned: NDArray[Any]
    methods: Mapping[Contender, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """Predictions with the answers to them.

    Attributes:
        predictions: Shape (N, C), or (N, 1) for regression.
        references: Shape (N,), multi (N, C).
    """

    predictions: NDArray[Any]
    references: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How sure to be, and how that is found out.

    Attributes:
        confidence: Confidence of every interval, in 0..1.
        num_resamples: Bootstrap resamples.
        seed: Seed of the resamples.
    """

    confidence: float = 0.95
    num_resamples: int = 2000
    seed: int = 42


def compare(
    problem: Problem,
    labels: Sequence[str],
    references: NDArray[Any],
    predictions: Predictions,
    *,
    sampling: Sampling | None = None,
    train: Graded | None = None,
    rows: Sequence[Example] = (),
    num_top_losses: int = 20,
) -> Evaluation:
    """Compare the three contenders on the test rows.

    Args:
        problem: `single`, `multi` or `regression`.
        labels: Names of the classes in index order; empty for regression.
        references: Classes (N,) int64, zeros and ones (N, C), or values (N,) float64.
        predictions: What each contender predicted for these rows.
        sampling: Confidence, resamples and seed of the intervals.
        train: The tuned model's predictions on training rows, for the gap between train and test.
        rows: Where each test row comes from, for the list of its worst mistakes.
        num_top_losses: Length of that list.

    Returns:
        The evaluation without forgetting and cost; add them with `dataclasses.replace`.

    Raises:
        DataError: If there is no test row.
        QualityError: If a contender predicted something that is not a finite number.
    """
    sampling = sampling or Sampling()
    by_name: dict[Contender, NDArray[Any]] = {name: getattr(predictions, name) for name in CONTENDERS}
    _check(references, by_name)
    samples = _resampled(problem, references, by_name, sampling)
    scores: dict[Contender, Any] = {
        name: scoring.contender_scores(
            name,
            predictions.methods.get(name, ""),
            problem,
            labels,
            by_name[name],
            references,
            _intervals(samples[name], sampling),
        )
        for name in CONTENDERS
    }
    contenders = Contenders(**scores)
    return Evaluation(
        problem=problem,
        labels=tuple(labels),
        n=len(references),
        confidence=sampling.confidence,
        num_resamples=sampling.num_resamples,
        seed=sampling.seed,
        verdict=_verdict(problem, references, by_name, contenders, samples, sampling),
        scores=contenders,
        gap=None if train is None else _gap(problem, train, contenders),
        top_losses=mistakes.top_losses(problem, labels, predictions.tuned, references, rows, count=num_top_losses),
    )


def _check(references: NDArray[Any], predictions: Mapping[Contender, NDArray[Any]]) -> None:
    if len(references) == 0:
        raise DataError(
            "E-EVALUATION-002",
            say("There is no test row to judge the model on."),
            where="data.test",
            mend=say("Give data.test a file, or data.split.test a share above 0."),
        )
    for name, values in predictions.items():
        if len(values) != len(references):
            raise ValueError(f"{name}: {len(values)} predictions for {len(references)} references")
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(broken):
            raise QualityError(
                "E-EVALUATION-003",
                say("The predictions of {name} are not all finite numbers.", name=name),
                where=say("test row {row} and {count} more", row=broken[0], count=len(broken) - 1),
                mend=say("Lower training.learning_rate, or train in float32."),
            )


def _resampled(
    problem: str, references: NDArray[Any], predictions: Mapping[Contender, NDArray[Any]], sampling: Sampling
) -> dict[Contender, dict[str, FloatArray]]:
    # Every contender and metric sees the same draws, so that differences are paired.
    known = references.astype(bool) if problem == "multi" else references
    decisions = {name: score.decide(problem, values) for name, values in predictions.items()}
    groups = bootstrap.cells(known, *decisions.values())
    num_classes = next(iter(predictions.values())).shape[1]
    metrics = {
        name: resampled.build(problem, chosen[groups.first], known[groups.first], num_classes)
        for name, chosen in decisions.items()
    }
    flat = [metric for named in metrics.values() for metric in named.values()]
    values = iter(bootstrap.resample(flat, groups.counts, num_resamples=sampling.num_resamples, seed=sampling.seed))
    return {name: {metric: next(values) for metric in named} for name, named in metrics.items()}


def _intervals(samples: Mapping[str, FloatArray], sampling: Sampling) -> dict[str, Interval]:
    return {metric: scoring.interval(values, confidence=sampling.confidence) for metric, values in samples.items()}


def _verdict(
    problem: Problem,
    references: NDArray[Any],
    predictions: Mapping[Contender, NDArray[Any]],
    scores: Contenders,
    samples: Mapping[Contender, Mapping[str, FloatArray]],
    sampling: Sampling,
) -> Verdict:
    p_value, test = _test(problem, references, predictions, samples)
    differences = tuple(
        _difference(scores, index, samples, p_value if index == 0 else None, sampling.confidence)
        for index in range(len(scores.tuned.metrics))
    )
    main = differences[0]
    assert main.difference is not None, "the main metric of every problem is defined on any row"
    n = len(references)
    smallest = verdict.smallest_visible(main, n, confidence=sampling.confidence)
    over_majority = samples["tuned"][main.metric] - samples["majority"][main.metric]
    above = verdict.outcome(
        main.metric,
        scoring.interval(over_majority, confidence=sampling.confidence),
        confidence=sampling.confidence,
    )
    return Verdict(
        sentence=verdict.sentence(main, p_value=p_value, n=n, smallest=smallest, confidence=sampling.confidence),
        remarks=verdict.remarks(differences, over_majority=above, problem=problem),
        outcome=main.outcome,
        metric=main.metric,
        difference=main.difference,
        interval=main.interval,
        confidence=sampling.confidence,
        p_value=p_value,
        test=test,
        n=n,
        smallest_visible=smallest,
        differences=differences,
    )


def _test(
    problem: Problem,
    references: NDArray[Any],
    predictions: Mapping[Contender, NDArray[Any]],
    samples: Mapping[Contender, Mapping[str, FloatArray]],
) -> tuple[float, Literal["mcnemar mid-p", "paired bootstrap"]]:
    if problem == "single":
        base, tuned = (score.decide(problem, predictions[name]) == references for name in ("base", "tuned"))
        return mcnemar.mcnemar(base, tuned).mid_p, "mcnemar mid-p"
    metric = score.main_metric(problem)
    return bootstrap.bootstrap_p_value(samples["tuned"][metric] - samples["base"][metric]), "paired bootstrap"


def _difference(
    scores: Contenders,
    index: int,
    samples: Mapping[Contender, Mapping[str, FloatArray]],
    p_value: float | None,
    confidence: float,
) -> Difference:
    base, tuned = scores.base.metrics[index], scores.tuned.metrics[index]
    between = scoring.interval(samples["tuned"][base.metric] - samples["base"][base.metric], confidence=confidence)
    return Difference(
        metric=base.metric,
        base=base.value,
        tuned=tuned.value,
        difference=None if base.value is None or tuned.value is None else tuned.value - base.value,
        interval=between,
        outcome=verdict.outcome(base.metric, between, p_value, confidence=confidence),
    )


def _gap(problem: Problem, train: Graded, scores: Contenders) -> Gap:
    metric = scores.tuned.main.metric
    on_train = score.METRICS[problem][metric](train.predictions, train.references)
    on_test = scores.tuned.main.value
    assert on_test is not None, "the main metric of every problem is defined on any row"
    return Gap(
        metric=metric, train=on_train, test=on_test, difference=on_train - on_test, num_train=len(train.references)
    )
