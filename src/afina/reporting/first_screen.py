"""The first screen: the verdict in one sentence, the scores, the curves, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import Facts, at, finite, kind, listed
from afina.reporting.page import card, esc, pairs, table, twin
from afina.reporting.picture_calibration import values_picture
from afina.reporting.picture_confusion import READABLE, matrix_picture, pairs_picture
from afina.reporting.picture_curves import curves_picture
from afina.reporting.picture_scores import scores_picture, scores_twin
from afina.reporting.svg import box, picture, shorten, words

_LONG = 130
_LONGEST_ANSWER = 60


def first_screen(facts: Facts, links: Sequence[tuple[str, str]], values: Sequence[tuple[float, float]]) -> str:
    """Return the top of the page.

    Args:
        facts: The run.
        links: (anchor, title) of the sections below.
        values: (true, predicted) pairs of a regression.
    """
    cards = _cards(facts, values)
    shape = {1: " one", 2: " two"}.get(len(cards), "")
    grid = f'<div class="first{shape}">{"".join(cards)}</div>' if cards else ""
    remarks = " ".join(str(remark) for remark in listed(at(facts.evaluation, "verdict", "remarks")))
    aside = f'<p class="remarks">{esc(remarks)}</p>' if remarks else ""
    return f'{_strip(facts, links)}{_heading(facts)}{aside}<p class="under">{esc(_under(facts))}</p>{grid}\n'


def headline(facts: Facts) -> str:
    """Return the verdict's sentence, or what is known of a run that has none."""
    sentence = at(facts.evaluation, "verdict", "sentence")
    if sentence:
        return str(sentence)
    if facts.failure:
        return say("This run failed: {reason}", reason=facts.failure)
    if facts.curves.last_step is None:
        return say("This run has not trained: not one step was taken.")
    done, planned = wording.number(facts.curves.last_step), wording.number(facts.curves.num_steps)
    if facts.curves.end_reason is None:
        return say(
            "This run was cut off after step {done} of {planned}; it can be resumed.", done=done, planned=planned
        )
    return say("This run trained for {done} steps and was not evaluated.", done=done)


def _heading(facts: Facts) -> str:
    sentence = headline(facts)
    outcome = str(at(facts.evaluation, "verdict", "outcome") or "")
    css = {"better": "better", "worse": "worse", "no difference": "same"}.get(
        outcome, "failed" if facts.failure else "same"
    )
    # The words before the colon are the answer, so they carry the colour; the colour alone says nothing.
    answer, colon, evidence = sentence.partition(":")
    inner = (
        f'<span class="{css}">{esc(answer + colon)}</span>{esc(evidence)}'
        if len(answer) < _LONGEST_ANSWER
        else esc(sentence)
    )
    long = ' class="long"' if len(sentence) > _LONG else ""
    return f"<h1{long}>{inner}</h1>"


def moving_parameters(facts: Facts) -> tuple[float | None, float | None]:
    """Return how many parameters move and how many there are, as counted at the end or else at the start."""
    cost, tuning = at(facts.evaluation, "cost"), facts.environment.get("tuning")
    moving = finite(at(cost, "num_trainable_parameters")) or finite(at(tuning, "num_trainable"))
    return moving, finite(at(cost, "num_parameters")) or finite(at(tuning, "num_total"))


def _strip(facts: Facts, links: Sequence[tuple[str, str]]) -> str:
    when = facts.status.get("created") or facts.environment.get("started")
    parts = [f"<b>{esc(facts.name)}</b>"]
    what = [base_name(facts), kind(facts.recipe.get("tuning"))]
    parts.append(f"<span>{esc(' · '.join(part for part in what if part))}</span>" if any(what) else "")
    parts.append(f"<span>{esc(wording.moment(when))}</span>" if when else "")
    anchors = "".join(f'<a href="#{anchor}">{esc(title)}</a>' for anchor, title in links)
    return f'<header class="top">{"".join(parts)}<nav>{anchors}</nav></header>'


def base_name(facts: Facts) -> str:
    """Return what the recipe called the base."""
    base = facts.recipe.get("base")
    return str(base.get("name", "")) if isinstance(base, Mapping) else str(base or "")


def _under(facts: Facts) -> str:
    evaluation = facts.evaluation
    if evaluation is None:
        return say("Without an evaluation nothing is known about how good it is. What was recorded follows.")
    sentences = [
        say(
            "Judged on {count} test rows that no training step and no choice has seen.",
            count=wording.number(evaluation.get("n")),
        )
    ]
    confidence, resamples = finite(evaluation.get("confidence")), evaluation.get("num_resamples")
    if confidence is not None:
        sentences.append(
            say(
                "Intervals: {confidence}, paired bootstrap with {count} resamples.",
                confidence=wording.percent(confidence, 0),
                count=wording.number(resamples),
            )
        )
    return " ".join(sentences)


def _cards(facts: Facts, values: Sequence[tuple[float, float]]) -> list[str]:
    cards = []
    evaluation = facts.evaluation
    if evaluation is not None:
        metric = str(at(evaluation, "verdict", "metric") or "")
        title = say("Test {metric}", metric=measures.title(metric))
        if measures.lower_is_better(metric):
            title = say("Test {metric} (lower is better)", metric=measures.title(metric))
        cards.append(card(title, scores_picture(evaluation) + _in_short(facts) + scores_twin(evaluation)))
    curves = curves_picture(facts.curves)
    if curves:
        cards.append(card(say("Training"), curves))
    mistakes = _mistakes(evaluation, values) if evaluation is not None else ""
    return [*cards, mistakes] if mistakes else cards


def _in_short(facts: Facts) -> str:
    cost = at(facts.evaluation, "cost")
    moving, total = moving_parameters(facts)
    value = finite(at(facts.evaluation, "verdict", "p_value"))
    least = wording.number(0.001, 3)
    rows = [
        (say("Test rows"), wording.number(at(facts.evaluation, "n"))),
        (say("p-value"), "" if value is None else wording.number(value, 3) if value >= 0.001 else f"< {least}"),
        (say("Training time"), wording.duration(at(cost, "train_s")) if at(cost, "train_s") is not None else ""),
        (say("Peak memory"), wording.size(at(cost, "peak_memory_bytes")) if at(cost, "peak_memory_bytes") else ""),
        (
            say("Moving"),
            wording.share(moving / total) if moving and total else "",
        ),
    ]
    return pairs(rows)


def _mistakes(evaluation: Mapping[str, Any], values: Sequence[tuple[float, float]]) -> str:
    labels = [str(label) for label in listed(evaluation.get("labels"))]
    matrix = at(evaluation, "scores", "tuned", "confusion")
    if matrix and labels and len(labels) <= READABLE:
        return card(say("What is taken for what"), matrix_picture(labels, matrix))
    if matrix and labels:
        worst = pairs_picture(labels, matrix)
        return card(say("Most frequent mistakes"), worst, say("True class → what the model said; the matrix is below."))
    if evaluation.get("problem") == "multi":
        return _per_label(evaluation)
    scatter = values_picture(values)
    return card(say("True and predicted values"), scatter) if scatter else ""


def _per_label(evaluation: Mapping[str, Any]) -> str:
    classes = [row for row in listed(at(evaluation, "scores", "tuned", "per_class")) if isinstance(row, Mapping)]
    worst = sorted(classes, key=lambda row: finite(row.get("f1")) or 0.0)[:10]
    if not worst:
        return ""
    step = 38.0
    marks = []
    for position, row in enumerate(worst):
        top = 12 + position * step
        share = finite(row.get("f1")) or 0.0
        marks.append(words(0, top, shorten(str(row.get("label")), 40), "count"))
        marks.append(words(400, top, wording.percent(share), anchor="end"))
        marks.append(box(0, top + 7, 400, 7, "track", rx=3))
        marks.append(box(0, top + 7, max(2.0, 400 * share), 7, "bar-tuned", rx=3))
    drawing = picture(400, 12 + len(worst) * step - 12, say("F1 of each label, lowest first"), marks)
    return card(say("F1 of each label, lowest first"), drawing + twin(per_class_table(worst)))


def per_class_table(classes: Sequence[Mapping[str, Any]]) -> str:
    """Return precision, recall, F1 and rows of each class."""
    rows = [
        (
            str(row.get("label")),
            wording.percent(row.get("precision")),
            wording.percent(row.get("recall")),
            wording.percent(row.get("f1")),
            wording.number(row.get("support")),
        )
        for row in classes
    ]
    return table((say("Class"), say("Precision"), say("Recall"), "F1", say("Rows")), rows)
