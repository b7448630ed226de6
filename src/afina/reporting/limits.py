"""What the numbers do not say, in plain words; the page and the model card both carry it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import Facts, at, finite, listed

SMALL_TEST = 200
"""Test rows below which the page warns."""

_FEW_ROWS = 10
_UNCALIBRATED = 0.1
_GAP = 0.1
_SKEW = 10


def limits(facts: Facts) -> list[str]:
    """Return the limits that this run's numbers show, and those that every run has."""
    sentences = [str(sentence) for sentence in listed(at(facts.environment, "base", "facts"))]
    if facts.evaluation is not None:
        sentences += (
            _of_the_test(facts.evaluation) + _of_the_classes(facts.evaluation) + _of_the_model(facts.evaluation)
        )
        sentences.append(
            say("All scores are for rows like those of this data; on texts from elsewhere, or from later, expect less.")
        )
    if not at(facts.evaluation, "forgetting"):
        sentences.append(say("What the base could do before on other data was not measured again."))
    if facts.evaluation is None:
        sentences.append(say("Nothing is known about this model's quality: do not use it for decisions."))
    return sentences


def _of_the_test(evaluation: Mapping[str, Any]) -> list[str]:
    sentences = []
    rows = evaluation.get("n")
    if finite(rows) is not None and rows is not None and rows < SMALL_TEST:
        sentences.append(
            say(
                "The test set is small ({count} rows): one row more or less moves the scores.",
                count=wording.number(rows),
            )
        )
    low, high = (
        finite(at(evaluation, "verdict", "interval", "low")),
        finite(at(evaluation, "verdict", "interval", "high")),
    )
    if low is not None and high is not None and low <= 0 <= high:
        sentences.append(
            say("The interval of the difference holds zero: if there is a gain, these rows are too few to show it.")
        )
    return sentences


def _of_the_classes(evaluation: Mapping[str, Any]) -> list[str]:
    classes = [
        row for row in listed(at(evaluation, "scores", "tuned", "per_class")) if finite(at(row, "support")) is not None
    ]
    supports = sorted(int(row["support"]) for row in classes)
    if not supports:
        return []
    sentences = []
    if supports[-1] >= _SKEW * max(1, supports[0]):
        sentences.append(
            say(
                "The classes are uneven, from {least} to {most} test rows: read macro-F1 beside accuracy.",
                least=wording.number(supports[0]),
                most=wording.number(supports[-1]),
            )
        )
    few = [str(row["label"]) for row in classes if row["support"] < _FEW_ROWS]
    if few:
        named = ", ".join(few[:6]) + (" …" if len(few) > 6 else "")
        sentences.append(
            say(
                "{count} classes have fewer than ten test rows, so their own scores are guesses: {names}.",
                count=len(few),
                names=named,
            )
        )
    never = [str(row["label"]) for row in classes if row["support"] and not finite(row.get("recall"))]
    if never:
        named = ", ".join(never[:6]) + (" …" if len(never) > 6 else "")
        sentences.append(say("Never found in the test rows: {names}.", names=named))
    return sentences


def _of_the_model(evaluation: Mapping[str, Any]) -> list[str]:
    sentences = []
    error = finite(at(evaluation, "scores", "tuned", "calibration", "ece"))
    if error is not None and error > _UNCALIBRATED:
        sentences.append(
            say(
                "Its probabilities are off by {share} on average: rank by them, but do not read them as chances.",
                share=wording.percent(error),
            )
        )
    gap = finite(at(evaluation, "gap", "difference"))
    metric = str(at(evaluation, "gap", "metric"))
    if gap is not None and measures.is_share(metric) and gap > _GAP:
        sentences.append(
            say(
                "It is much better on rows it learnt from than on new ones ({gap}): more data would help.",
                gap=measures.difference(metric, gap),
            )
        )
    return sentences
