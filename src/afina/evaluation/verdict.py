"""The one sentence: better than its base, no difference that can be shown, or worse."""

from __future__ import annotations

import math

from afina.base.messages import say
from afina.evaluation.contender import Interval
from afina.evaluation.contract import Difference, Outcome
from afina.metrics import wording
from afina.metrics.score import is_higher_better


def outcome(metric: str, interval: Interval, p_value: float | None = None, *, confidence: float) -> Outcome:
    """Return what a paired difference shows.

    The interval must leave zero out, and where a test was made, it must agree: on few rows a percentile interval
    alone is too sure of itself.

    Args:
        metric: Name of the metric, which has a direction.
        interval: Interval of tuned - base.
        p_value: Two-sided p-value of a test of the same difference, or None.
        confidence: Confidence of the interval, 0..1; the test's level is 1 - confidence.
    """
    if interval.low is None or interval.high is None or (p_value is not None and p_value >= 1 - confidence):
        return "no difference"
    if interval.low <= 0 <= interval.high:
        return "no difference"
    return "better" if (interval.low > 0) == is_higher_better(metric) else "worse"


def smallest_visible(main: Difference, n: int, *, confidence: float) -> float:
    """Return the size below which a difference cannot be told from chance with `n` rows.

    It is half the width of the paired interval. For a share of rows that are right it is at least what McNemar's
    mid-p test can see when every row that changed changed for the better: 0.5 to the number of changed rows. And a
    difference that was not told from chance is not above it.
    """
    low, high = main.interval.low, main.interval.high
    smallest = 0.0 if low is None or high is None else (high - low) / 2
    if main.outcome == "no difference":
        smallest = max(smallest, abs(main.difference or 0.0))
    if main.metric not in {"accuracy", "subset_accuracy"}:
        return smallest
    num_changed = math.floor(math.log2(1 / (1 - confidence))) + 1
    return max(smallest, min(1.0, num_changed / n))


def sentence(main: Difference, *, p_value: float, n: int, smallest: float, confidence: float) -> str:
    """Return the verdict's sentence in the language in force."""
    if main.outcome == "better":
        return say("Better than the base: {evidence}.", evidence=_evidence(main, p_value, n, confidence))
    if main.outcome == "worse":
        return say("Worse than the base: {evidence}.", evidence=_evidence(main, p_value, n, confidence))
    if main.difference == 0 and main.interval.low == main.interval.high == 0:
        return say(
            "No difference from the base: {metric} is {value} for both on n = {n} test rows.",
            metric=wording.title(main.metric),
            value=wording.value_text(main.metric, main.tuned),
            n=wording.count(n),
        )
    return say(
        "No difference from the base can be shown: {evidence}; with n = {n} test rows a difference below {smallest} "
        "cannot be told from chance.",
        evidence=_evidence(main, p_value, n, confidence),
        n=wording.count(n),
        smallest=_size(main.metric, smallest),
    )


def remarks(differences: tuple[Difference, ...], *, over_majority: Outcome, problem: str) -> tuple[str, ...]:
    """Return what the verdict's sentence leaves out and an honest reader must know.

    Args:
        differences: One per metric, the main one first.
        over_majority: What the tuned model is against the trivial answer, by their paired interval.
        problem: `single`, `multi` or `regression`.
    """
    lines = [_disagreement(other) for other in differences[1:] if other.outcome not in {differences[0].outcome}]
    trivial = say("the mean of the training rows") if problem == "regression" else say("the most frequent class")
    if over_majority == "no difference":
        lines.append(say("It cannot be told from always answering {trivial}.", trivial=trivial))
    elif over_majority == "worse":
        lines.append(say("It is worse than always answering {trivial}.", trivial=trivial))
    return tuple(lines)


def _disagreement(other: Difference) -> str:
    values = {
        "metric": wording.title(other.metric),
        "base": wording.value_text(other.metric, other.base),
        "tuned": wording.value_text(other.metric, other.tuned),
        "interval": interval_text(other.metric, other.interval),
    }
    if other.outcome == "better":
        return say("By {metric} it is better: {tuned} against {base} (difference {interval}).", **values)
    if other.outcome == "worse":
        return say("By {metric} it is worse: {tuned} against {base} (difference {interval}).", **values)
    return say("By {metric} no difference can be shown: {tuned} against {base} (difference {interval}).", **values)


def interval_text(metric: str, interval: Interval) -> str:
    """Return an interval of a difference, as `+1.2 to +7.0 points`."""
    if interval.low is None or interval.high is None:
        return say("undefined")
    low, high = wording.signed(metric, interval.low), wording.difference_text(metric, interval.high)
    return say("{low} to {high}", low=low, high=high)


def _evidence(main: Difference, p_value: float, n: int, confidence: float) -> str:
    return say(
        "{metric} {tuned} against {base}, {difference} "
        "({confidence} interval {interval}, {p_value}, n = {n} test rows)",
        metric=wording.title(main.metric),
        tuned=wording.value_text(main.metric, main.tuned),
        base=wording.value_text(main.metric, main.base),
        difference=wording.difference_text(main.metric, main.difference),
        confidence=wording.localised(f"{100 * confidence:g}%"),
        interval=interval_text(main.metric, main.interval),
        p_value=wording.p_text(p_value),
        n=wording.count(n),
    )


def _size(metric: str, size: float) -> str:
    if wording.is_share(metric):
        return say("{number} points", number=wording.number(100 * size, 1))
    return wording.number(size)
