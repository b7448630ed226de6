"""How good it is: every contender's scores, class by class, calibration, the worst rows, what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import Facts, at, finite, listed, without_folder
from afina.reporting.first_screen import per_class_table
from afina.reporting.page import Cell, card, details, esc, section, table
from afina.reporting.picture_calibration import reliability_picture
from afina.reporting.picture_confusion import READABLE, overview_picture
from afina.reporting.picture_scores import contender_title

_CONTENDERS = ("majority", "base", "tuned")
_BESIDE = 12
_MOST_CLASSES = 24
_MOST_FOLDED = 400
_MOST_ROWS = 20
_OPEN_ROWS = 8
_MOST_CHARACTERS = 8000


def results_section(facts: Facts) -> str:
    """Return the tables of scores, classes and calibration."""
    evaluation = facts.evaluation
    if evaluation is None:
        return section("results", say("Results"), say("This run was not evaluated."))
    return section(
        "results",
        say("Results"),
        "",
        _scores(evaluation),
        _differences(evaluation),
        _pictures(evaluation),
        _classes(evaluation),
    )


def rows_section(facts: Facts) -> str:
    """Return the test rows that the tuned model got most wrong, in full."""
    rows = [row for row in listed(at(facts.evaluation, "top_losses")) if isinstance(row, Mapping)][:_MOST_ROWS]
    if not rows:
        return ""
    lead = say("The test rows with the highest loss. A wrong label in the data shows here first.")
    parts = ["".join(_row(row) for row in part) for part in (rows[:_OPEN_ROWS], rows[_OPEN_ROWS:])]
    first, more = (f'<ul class="rows">{items}</ul>' if items else "" for items in parts)
    return section("rows", say("Worst rows"), lead, first, details(say("More of them"), more))


def forgetting_section(facts: Facts) -> str:
    """Return what a probe on the representation lost on data from elsewhere."""
    if facts.evaluation is None:
        return ""
    tested = [row for row in listed(at(facts.evaluation, "forgetting")) if isinstance(row, Mapping)]
    title = say("What it forgot")
    if not tested:
        return section("forgetting", title, say("Not measured: the recipe names no file under evaluation.retained."))
    rows = []
    for row in tested:
        metric = str(row.get("metric"))
        rows.append(
            (
                without_folder(row.get("name")),
                measures.title(metric),
                measures.value(metric, row.get("base")),
                Cell(esc(measures.value(metric, row.get("tuned"))), strong=True),
                measures.difference(metric, row.get("difference")),
                _interval(metric, row.get("interval"), signed=True),
                wording.number(row.get("n")),
            )
        )
    headings = (say("Data"), say("Metric"), say("Base"), say("Tuned"), say("Difference"), say("Interval"), say("Rows"))
    sentences = "".join(f"<p>{esc(str(row['sentence']))}</p>" for row in tested if row.get("sentence"))
    lead = say("On data that this training never saw, the same probe was fitted on the features of both models.")
    return section("forgetting", title, lead, table(headings, rows, numeric_from=2), sentences)


def _scores(evaluation: Mapping[str, Any]) -> str:
    contenders = [name for name in _CONTENDERS if at(evaluation, "scores", name)]
    metrics = [str(at(row, "metric")) for row in listed(at(evaluation, "scores", "tuned", "metrics"))]
    rows: list[list[str | Cell]] = []
    for metric in metrics:
        cells = [_score(evaluation, name, metric) for name in contenders]
        rows.append([measures.title(metric), *cells])
    headings = (say("Metric"), *(contender_title(name) for name in contenders))
    methods = "".join(
        f'<p class="note">{esc(contender_title(name))}: {esc(str(at(evaluation, "scores", name, "method")))}</p>'
        for name in contenders
        if at(evaluation, "scores", name, "method")
    )
    return table(headings, rows) + methods


def _score(evaluation: Mapping[str, Any], name: str, metric: str) -> Cell:
    for row in listed(at(evaluation, "scores", name, "metrics")):
        if at(row, "metric") == metric:
            value = esc(measures.value(metric, at(row, "value")))
            span = _interval(metric, row)
            return Cell(
                f"<strong>{value}</strong> <small>{esc(span)}</small>"
                if name == "tuned"
                else f"{value} <small>{esc(span)}</small>"
            )
    return Cell(wording.ABSENT)


def _differences(evaluation: Mapping[str, Any]) -> str:
    words = {"better": say("better"), "no difference": say("no difference"), "worse": say("worse")}
    rows = [
        (
            measures.title(str(at(row, "metric"))),
            measures.difference(str(at(row, "metric")), at(row, "difference")),
            _interval(str(at(row, "metric")), at(row, "interval"), signed=True),
            words.get(str(at(row, "outcome")), ""),
        )
        for row in listed(at(evaluation, "verdict", "differences"))
    ]
    if not rows:
        return ""
    value = finite(at(evaluation, "verdict", "p_value"))
    test = {"mcnemar mid-p": say("McNemar's test (mid-p)"), "paired bootstrap": say("paired bootstrap")}
    p = "" if value is None else _p(test.get(str(at(evaluation, "verdict", "test")), ""), value)
    title = f"<h3>{esc(say('Tuned against base, on the same rows'))}</h3>"
    note = f'<p class="note">{esc(p)}</p>' if p else ""
    return title + table((say("Metric"), say("Difference"), say("Interval"), say("In words")), rows) + note


def _p(test: str, value: float) -> str:
    number = wording.number(value, 3) if value >= 0.001 else f"< {wording.number(0.001, 3)}"
    return say("{test}: p = {number}", test=test, number=number).replace("= <", "<")


def _pictures(evaluation: Mapping[str, Any]) -> str:
    cards = []
    calibration = at(evaluation, "scores", "tuned", "calibration")
    reliable = reliability_picture(calibration) if isinstance(calibration, Mapping) else ""
    if reliable:
        note = say(
            "On the diagonal it is right as often as it says. ECE {ece}, Brier {brier}, log loss {log_loss}.",
            ece=wording.percent(at(calibration, "ece")),
            brier=wording.number(finite(at(calibration, "brier"))),
            log_loss=wording.number(finite(at(calibration, "log_loss"))),
        )
        cards.append(card(say("Calibration"), reliable, note))
    labels, matrix = listed(evaluation.get("labels")), at(evaluation, "scores", "tuned", "confusion")
    if matrix and len(labels) > READABLE:
        overview = overview_picture([str(label) for label in labels], matrix)
        note = say("True classes from top to bottom, answers from left to right, in the order of the table below.")
        cards.append(card(say("Confusion matrix"), overview, note) if overview else "")
    classes = _per_class(evaluation)
    if 0 < len(classes) <= _BESIDE:
        cards.append(card(say("Class by class"), per_class_table(classes)))
    return f'<div class="pictures">{"".join(cards)}</div>' if cards else ""


def _classes(evaluation: Mapping[str, Any]) -> str:
    classes = _per_class(evaluation)
    if len(classes) <= _BESIDE:
        return ""
    title = f"<h3>{esc(say('Class by class'))}</h3>"
    if len(classes) <= _MOST_CLASSES:
        return title + per_class_table(classes)
    worst = sorted(classes, key=lambda row: finite(row.get("f1")) or 0.0)[:10]
    note = f'<p class="note">{esc(say("The ten classes with the lowest F1:"))}</p>'
    every = details(
        say("All {count} classes", count=wording.number(len(classes))), per_class_table(classes[:_MOST_FOLDED])
    )
    return title + note + per_class_table(worst) + every


def _per_class(evaluation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in listed(at(evaluation, "scores", "tuned", "per_class")) if isinstance(row, Mapping)]


def _row(row: Mapping[str, Any]) -> str:
    text = str(row.get("text") or "")
    cut = len(text) > _MOST_CHARACTERS
    shown = esc(text[:_MOST_CHARACTERS]) + ("…" if cut else "")
    sure = finite(row.get("probability"))
    said = say("said:"), say("true:")
    certain = esc(say("{share} sure", share=wording.percent(sure))) if sure is not None else ""
    facts = [
        f'{esc(said[0])} <span class="wrong">{esc(str(row.get("prediction") or wording.ABSENT))}</span>',
        f'{esc(said[1])} <span class="right">{esc(str(row.get("reference") or wording.ABSENT))}</span>',
        certain,
        esc(say("loss {loss}", loss=wording.number(finite(row.get("loss")), 2))),
    ]
    where = f"<small>{esc(without_folder(row['where']))}</small>" if row.get("where") else ""
    quote = f"<blockquote>{shown}</blockquote>" if shown else ""
    return f'<li>{quote}<div class="said">{" · ".join(fact for fact in facts if fact)}</div>{where}</li>'


def _interval(metric: str, span: Any, *, signed: bool = False) -> str:
    low, high = finite(at(span, "low")), finite(at(span, "high"))
    if low is None or high is None:
        return ""
    write = measures.bare_difference if signed else measures.value
    return say("{low} to {high}", low=write(metric, low), high=write(metric, high))
