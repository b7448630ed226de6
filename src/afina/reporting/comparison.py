"""`compare.html`: several runs on one offline page, from the results of a comparison alone.

The results are read as `results.json` holds them; `afina/regimes/compare/table.py` describes the layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from afina.base.about import __version__
from afina.base.durable import write_text
from afina.base.messages import say
from afina.reporting import measures, wording
from afina.reporting.comparison_table import entries_table, pairs_table, runs_table
from afina.reporting.facts import at, finite, listed
from afina.reporting.page import bullets, card, details, esc, page, section
from afina.reporting.picture_comparison import quality_picture
from afina.reporting.picture_front import front_picture

_LONG = 130
_LONGEST_ANSWER = 60
_MOST_OPEN_RUNS = 9


def write_comparison(path: Path, results: Mapping[str, Any], language: str) -> None:
    """Write the page of a comparison.

    Args:
        path: The page.
        results: What `results.json` holds.
        language: `en` or `pt`.

    Raises:
        ResourceError: If the disk is full or read-only.
    """
    with wording.speaking(language):
        write_text(path, render(results))


def render(results: Mapping[str, Any]) -> str:
    """Return the page as HTML, in the language in force; it loads nothing and runs nothing."""
    sections = [
        section("entries", say("All entries"), "", entries_table(results), _legend(results)),
        _pairs(results),
        _runs(results),
        _failed(results),
        section("how", say("How they were compared"), "", bullets(_how(results))),
        _reproduce(results),
    ]
    title = f"{results.get('name', '')}: {at(results, 'verdict', 'sentence')}"
    return page(title, _first_screen(results), sections, results)


def _first_screen(results: Mapping[str, Any]) -> str:
    sentence = str(at(results, "verdict", "sentence") or "")
    is_won = at(results, "verdict", "winner") is not None
    answer, colon, evidence = sentence.partition(":")
    css = "better" if is_won else "same"
    inner = esc(sentence)
    if len(answer) < _LONGEST_ANSWER or not is_won:
        inner = f'<span class="{css}">{esc(answer + colon)}</span>{esc(evidence)}'
    long = ' class="long"' if len(sentence) > _LONG else ""
    remarks = " ".join(str(remark) for remark in listed(at(results, "verdict", "remarks")))
    aside = f'<p class="remarks">{esc(remarks)}</p>' if remarks else ""
    cards = "".join(_cards(results))
    grid = f'<div class="first even">{cards}</div>' if cards else ""
    return f'{_strip(results)}<h1{long}>{inner}</h1>{aside}<p class="under">{esc(_under(results))}</p>{grid}\n'


def _strip(results: Mapping[str, Any]) -> str:
    parts = [f"<b>{esc(str(results.get('name', '')))}</b>"]
    what = [str(results.get("base") or ""), " × ".join(str(at(axis, "path")) for axis in listed(results.get("axes")))]
    parts.append(f"<span>{esc(' · '.join(part for part in what if part))}</span>")
    links = [("entries", say("All entries")), ("runs", say("Runs")), ("how", say("How they were compared"))]
    anchors = "".join(f'<a href="#{anchor}">{esc(title)}</a>' for anchor, title in links)
    return f'<header class="top">{"".join(parts)}<nav>{anchors}</nav></header>'


def _under(results: Mapping[str, Any]) -> str:
    if not results.get("n"):
        return ""
    seeds = listed(results.get("seeds"))
    counted = say("rows and seeds") if len(seeds) > 1 else say("rows alone")
    return say(
        "Every entry was judged on the same {count} test rows, which no training step and no choice has seen. "
        "Intervals: {confidence}, over {counted}.",
        count=wording.number(results.get("n")),
        confidence=wording.percent(results.get("confidence"), 0),
        counted=counted,
    )


def _cards(results: Mapping[str, Any]) -> Sequence[str]:
    judged = [row for row in listed(results.get("entries")) if at(row, "quality")]
    if not judged:
        return ()
    metric = str(results.get("metric") or "")
    title = say("Test {metric}", metric=measures.title(metric))
    if measures.lower_is_better(metric):
        title = say("Test {metric} (lower is better)", metric=measures.title(metric))
    cards = [card(title, quality_picture(results), _quality_note(results))]
    if any(finite(at(row, "cost", "train_s")) for row in judged):
        cards.append(
            card(
                say("{metric} against training time", metric=measures.title(metric).capitalize()),
                front_picture(results),
                say("On the line: no other entry is as good in less time. Intervals are in the other picture."),
            )
        )
    return cards


def _quality_note(results: Mapping[str, Any]) -> str:
    sentence = say("Bars are intervals; overlapping ones may still be told apart, since rows are compared one by one.")
    if len(listed(results.get("seeds"))) > 1:
        return sentence + " " + say("Small dots are single seeds.")
    return sentence


def _legend(results: Mapping[str, Any]) -> str:
    sentences = [
        say("“Against the best” is the difference on the same rows, with its own interval."),
        say("Training time, memory and size are means over the seeds."),
        say("● marks what no other entry beats at that cost."),
    ]
    if any(at(row, "forgetting") for row in listed(results.get("entries"))):
        sentences.append(say("“Forgot” is what a probe on the retained files lost against the base."))
    return f'<p class="note">{esc(" ".join(sentences))}</p>'


def _pairs(results: Mapping[str, Any]) -> str:
    pairs = listed(results.get("pairs"))
    if len(pairs) < 2:
        return ""
    lead = say(
        "All {count} pairs were tested together (Holm): the chance that even one difference is claimed where there is "
        "none is at most {level}.",
        count=wording.number(len(pairs)),
        level=wording.percent(1 - float(results.get("confidence") or 0.95), 0),
    )
    return section("pairs", say("Every pair"), lead, details(say("Show all pairs"), pairs_table(results)))


def _runs(results: Mapping[str, Any]) -> str:
    lead = say("Each is an ordinary run with its own folder, report and model.")
    written = runs_table(results)
    many = sum(len(listed(at(row, "runs"))) for row in listed(results.get("entries"))) > _MOST_OPEN_RUNS
    return section("runs", say("Runs"), lead, details(say("Show all runs"), written) if many else written)


def _failed(results: Mapping[str, Any]) -> str:
    items = [
        f"<li><b>{esc(str(at(row, 'label')))}</b>: {esc(str(at(row, 'error', 'what') or ''))} "
        f"<small>{esc(str(at(row, 'error', 'code') or ''))}</small></li>"
        for row in listed(results.get("entries"))
        if at(row, "error")
    ]
    return section("failed", say("Without a result"), "", f"<ul>{''.join(items)}</ul>" if items else "")


def _how(results: Mapping[str, Any]) -> list[str]:
    seeds = ", ".join(str(seed) for seed in listed(results.get("seeds")))
    sentences = [
        say("The same division of the rows for every run, and the same training seeds: {seeds}.", seeds=seeds),
        say("Each run in a process of its own with {count} threads.", count=results.get("threads")),
    ]
    if results.get("search"):
        rates = say(
            "Learning rate: {count} tried around each technique's own rule with the first seed; the best on validation "
            "rows was kept.",
            count=at(results, "search", "num_rates"),
        )
    else:
        rates = say("Learning rate: each technique's own rule, unless the recipe gives one.")
    sentences.append(rates)
    if len(listed(results.get("seeds"))) > 1:
        spread = say(
            "Intervals of differences count both that other rows and that other seeds might have been drawn; what a "
            "seed changes is the larger of what the two entries show and what all show together."
        )
    else:
        spread = say(
            "Intervals count that other rows might have been drawn; with one seed, nothing is known of others."
        )
    sentences.append(spread)
    sentences.append(
        say(
            "A difference counts as shown when its interval leaves zero out, dealing the two answers to each row by a "
            "coin would rarely give as much, and it stands after correction for all pairs."
        )
    )
    return sentences


def _reproduce(results: Mapping[str, Any]) -> str:
    command = f"<pre>{esc(str(results.get('command') or ''))}</pre>" if results.get("command") else ""
    made = f'<p class="note">{esc(say("Written by Afina {version}.", version=__version__))}</p>'
    return section("reproduce", say("How to reproduce"), "", command, made)
