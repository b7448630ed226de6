"""The tables of a comparison: the entries with quality and cost, every pair, every run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.facts import at, finite, listed
from afina.reporting.page import Cell, esc, table

_LEAST_SHARE = 1.5


def entries_table(results: Mapping[str, Any]) -> str:
    """Return one line per entry: quality, difference from the best, what was forgotten, and every cost as a bar."""
    metric = str(results.get("metric") or "")
    rows = [row for row in listed(results.get("entries")) if at(row, "quality")]
    if not rows:
        return ""
    has_forgetting = any(at(row, "forgetting") for row in rows)
    headings = [
        say("Entry"),
        measures.title(metric).capitalize(),
        say("Against the best"),
        *([say("Forgot")] if has_forgetting else []),
        *cost_headings().values(),
        say("Learning rate"),
    ]
    most = {key: max((finite(at(row, "cost", key)) or 0.0 for row in rows), default=0.0) for key in cost_headings()}
    lines: list[list[str | Cell]] = [
        [
            Cell(_named(row), strong=at(row, "outcome") in ("winner", "leader")),
            Cell(_quality(metric, row)),
            Cell(_against(metric, row)),
            *([Cell(_forgotten(row))] if has_forgetting else []),
            *(Cell(_cost(row, key, most[key])) for key in cost_headings()),
            wording.scientific(at(row, "learning_rate")),
        ]
        for row in rows
    ]
    return table(headings, lines, class_="entries")


def cost_headings() -> dict[str, str]:
    """Return what an entry costs, by its key in the results, as the columns are headed."""
    return {
        "train_s": say("Training time"),
        "peak_memory_bytes": say("Peak memory"),
        "num_trainable_parameters": say("Moves"),
        "artefact_bytes": say("Ships"),
    }


def pairs_table(results: Mapping[str, Any]) -> str:
    """Return the difference of every pair with its interval and both p-values."""
    metric = str(results.get("metric") or "")
    labels = {str(at(row, "name")): str(at(row, "label")) for row in listed(results.get("entries"))}
    rows = [
        (
            Cell(esc(labels.get(str(at(pair, "first")), "")), strong=bool(at(pair, "is_told_apart"))),
            labels.get(str(at(pair, "second")), ""),
            measures.difference(metric, at(pair, "difference")),
            interval(metric, pair),
            wording.number(at(pair, "p_value"), 4),
            wording.number(at(pair, "adjusted"), 4),
            say("told apart") if at(pair, "is_told_apart") else "",
        )
        for pair in listed(results.get("pairs"))
    ]
    headings = (say("Better"), say("than"), say("by"), say("Interval"), "p", say("p, corrected"), "")
    return table(headings, rows, numeric_from=2)


def runs_table(results: Mapping[str, Any]) -> str:
    """Return every run with a link to its report."""
    metric = str(results.get("metric") or "")
    rows = []
    for row in listed(results.get("entries")):
        for run in listed(at(row, "runs")):
            path, name = str(at(run, "path")), str(at(run, "name"))
            is_there = at(run, "status") == "finished"
            link = f'<a href="{esc(path)}/report.html">{esc(name)}</a>' if is_there else esc(name)
            rows.append(
                (
                    Cell(link),
                    str(at(row, "label")),
                    str(at(run, "seed")),
                    measures.value(metric, at(run, "value")),
                    wording.duration(at(run, "train_s")),
                    _remark(run),
                )
            )
    headings = (
        say("Run"),
        say("Entry"),
        say("Seed"),
        measures.title(metric).capitalize() if metric else say("Score"),
        say("Training time"),
        "",
    )
    return table(headings, rows, numeric_from=2) if rows else ""


def interval(metric: str, values: Any) -> str:
    """Return an interval of a difference without its unit, or a dash."""
    low, high = finite(at(values, "low")), finite(at(values, "high"))
    if low is None or high is None:
        return wording.ABSENT
    return say(
        "{low} to {high}", low=measures.bare_difference(metric, low), high=measures.bare_difference(metric, high)
    )


def _named(row: Mapping[str, Any]) -> str:
    tags = {"winner": ("won", say("best")), "leader": ("level", say("not told apart from the best"))}
    css, text = tags.get(str(at(row, "outcome")), ("", ""))
    pill = f'<span class="pill {css}">{esc(text)}</span>' if text else ""
    return f"{esc(str(at(row, 'label')))}{pill}"


def _quality(metric: str, row: Mapping[str, Any]) -> str:
    low, high = at(row, "quality", "low"), at(row, "quality", "high")
    value = measures.value(metric, at(row, "quality", "value"))
    if finite(low) is None or finite(high) is None:
        return esc(value)
    ends = say("{low} to {high}", low=measures.value(metric, low).removesuffix("%"), high=measures.value(metric, high))
    return f"{esc(value)}<small>{esc(ends)}</small>"


def _against(metric: str, row: Mapping[str, Any]) -> str:
    against = at(row, "against_best")
    if against is None:
        return wording.ABSENT
    difference = measures.bare_difference(metric, at(against, "difference"))
    return f"{esc(difference)}<small>{esc(interval(metric, against))}</small>"


def _forgotten(row: Mapping[str, Any]) -> str:
    parts = []
    for lost in listed(at(row, "forgetting")):
        text = measures.bare_difference(str(at(lost, "metric")), at(lost, "difference"))
        parts.append(f'<span class="{"lost" if at(lost, "is_worse") else "held"}">{esc(text)}</span>')
    return "<br>".join(parts)


def _cost(row: Mapping[str, Any], key: str, most: float) -> str:
    value = finite(at(row, "cost", key))
    if value is None:
        return wording.ABSENT
    written: dict[str, Callable[[float], str]] = {
        "train_s": wording.duration,
        "peak_memory_bytes": wording.size,
        "artefact_bytes": wording.size,
        "num_trainable_parameters": amount,
    }
    share = max(_LEAST_SHARE, 100 * value / most) if most else 0.0
    mark = '<i class="front">●</i>' if key in listed(at(row, "fronts")) else ""
    return f'{mark}{esc(written[key](value))}<span class="cost"><i style="width:{share:.1f}%"></i></span>'


def amount(value: float) -> str:
    """Return a number of parameters in few digits: `22.7 M`, `900 k`, `770`."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{wording.scientific(value / scale)} {unit}"
    return wording.number(round(value))


def _remark(run: Mapping[str, Any]) -> str:
    if at(run, "status") != "finished":
        return say("no result")
    if not at(run, "is_kept"):
        return say("another learning rate was better")
    return say("computed the frozen part for all") if at(run, "filled_bytes") else ""
