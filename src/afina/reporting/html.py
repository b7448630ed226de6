"""`report.html`: everything about one run on one offline page, in the order in which a person asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from afina.base.about import __version__
from afina.base.durable import write_text
from afina.base.messages import say
from afina.reporting import wording
from afina.reporting.curves import thin
from afina.reporting.facts import Facts, at, read_facts, without_folder
from afina.reporting.first_screen import first_screen, headline
from afina.reporting.limits import limits
from afina.reporting.page import bullets, details, esc, page, section, table
from afina.reporting.predictions import read_values
from afina.reporting.section_data import data_section
from afina.reporting.section_results import forgetting_section, results_section, rows_section
from afina.reporting.section_training import checkpoints_section, cost_section, course_section, trained_section

FILE_NAME = "report.html"
"""The report's name in the run folder."""

_MOST_CLASSES_EMBEDDED = 150
_SHOWN_ELSEWHERE = {"command", "recipe", "data_fingerprints"}


def write_report(run_folder: Path, language: str) -> Path:
    """Write the report of a run into its folder, from the folder's files alone.

    Files that are missing or broken, as after a failure, are named on the page.

    Args:
        run_folder: The run folder.
        language: `en` or `pt`.

    Returns:
        The path of the page.

    Raises:
        ResourceError: If the disk is full or read-only.
    """
    path = run_folder / FILE_NAME
    with wording.speaking(language):
        write_text(path, render(read_facts(run_folder)))
    return path


def render(facts: Facts) -> str:
    """Return the page as HTML, in the language in force; it loads nothing and runs nothing."""
    values: list[tuple[float, float]] = []
    if at(facts.evaluation, "problem") == "regression":
        values, reason = read_values(facts.folder)
        facts = replace(facts, unread=(*facts.unread, reason)) if reason else facts
    sections = [
        _missing(facts),
        trained_section(facts),
        data_section(facts),
        course_section(facts),
        results_section(facts),
        rows_section(facts),
        forgetting_section(facts),
        cost_section(facts),
        checkpoints_section(facts),
        section("limits", say("Limits"), "", bullets(limits(facts))),
        _reproduce(facts),
    ]
    links = [
        ("data", say("Data")),
        ("results", say("Results")),
        ("rows", say("Worst rows")),
        ("limits", say("Limits")),
        ("reproduce", say("How to reproduce")),
    ]
    written = "".join(sections)
    links = [(anchor, title) for anchor, title in links if f'<section id="{anchor}">' in written]
    return page(f"{facts.name}: {headline(facts)}", first_screen(facts, links, values), sections, _numbers(facts))


def _missing(facts: Facts) -> str:
    if not facts.unread:
        return ""
    return section(
        "missing", say("What is missing"), say("These parts of the run could not be shown:"), bullets(facts.unread)
    )


def _reproduce(facts: Facts) -> str:
    command = str(facts.environment.get("command") or "afina train recipe.yaml")
    recipe = f"<pre>{esc(facts.recipe_text)}</pre>" if facts.recipe_text else ""
    lead = say("With the same files, versions and machine this gives the same model.")
    rows = [(key, value) for key, value in _flat(_surroundings(facts)) if key != "base.facts"]
    versions = table((say("What"), say("Value")), rows, numeric_from=9)
    made = f'<p class="note">{esc(say("Written by Afina {version}.", version=__version__))}</p>'
    return section(
        "reproduce",
        say("How to reproduce"),
        lead,
        f"<pre>{esc(command)}</pre>",
        details(say("The resolved recipe"), recipe),
        details(say("Versions and machine"), versions if rows else ""),
        made,
    )


def _surroundings(facts: Facts) -> dict[str, Any]:
    """Return the environment without what stands elsewhere on the page."""
    return {key: value for key, value in facts.environment.items() if key not in _SHOWN_ELSEWHERE}


def _flat(values: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested facts as dotted names and values, lists joined."""
    if isinstance(values, Mapping):
        return [
            pair for key, value in values.items() for pair in _flat(value, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(values, list):
        return [(prefix, ", ".join(str(value) for value in values))] if values else []
    return [] if values is None else [(prefix, str(values))]


def _numbers(facts: Facts) -> dict[str, Any]:
    """Return every number on the page; the texts of rows stay out, and what grows without bound is thinned."""
    curves, classes = facts.curves, facts.data.get("classes") or {}
    return {
        "run": facts.name,
        "afina": __version__,
        "evaluation": _bounded(facts.evaluation),
        "data": {
            **{key: facts.data.get(key) for key in ("counts", "splits", "tokens")},
            "classes": classes if len(classes) <= _MOST_CLASSES_EMBEDDED else None,
            "fingerprint": {without_folder(name): sha for name, sha in (facts.data.get("fingerprint") or {}).items()},
        },
        "curves": {
            "train_loss": thin(curves.train_loss),
            "learning_rate": thin(curves.learning_rate),
            "validation_loss": thin(curves.validation_loss),
            "validation_metrics": {name: thin(points) for name, points in curves.validation_metrics.items()},
            "best_step": curves.best_step,
            "last_step": curves.last_step,
            "num_steps": curves.num_steps,
        },
        "environment": _surroundings(facts),
        "mixture": curves.mixture,
    }


def _bounded(evaluation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if evaluation is None:
        return None
    kept = dict(evaluation)
    kept["top_losses"] = [
        {key: value for key, value in row.items() if key not in ("text", "where")}
        for row in evaluation.get("top_losses") or []
    ]
    if len(evaluation.get("labels") or []) > _MOST_CLASSES_EMBEDDED:
        scores = {
            name: {**part, "confusion": None, "per_class": []}
            for name, part in (evaluation.get("scores") or {}).items()
        }
        kept |= {"scores": scores, "labels": []}
    return kept
