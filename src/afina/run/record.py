"""What a run writes down of itself before its first step: the resolved recipe, the surroundings, the data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from afina.base import durable, events
from afina.base.errors import RunError
from afina.base.messages import say
from afina.data import facts as data_facts
from afina.data.examine import examine
from afina.recipe.resolved import Resolved, differences
from afina.recipe.schema import Recipe
from afina.run import machine
from afina.run.folder import RunFolder
from afina.run.gather import Gathered
from afina.run.settling import lengths
from afina.tuning.contract import TuningReport


def first_words(resolved: Resolved, world_size: int) -> dict[str, str]:
    """Return what a run writes before it reads anything, by file name and in order: enough to begin it again.

    Args:
        resolved: The recipe, with values still open.
        world_size: Processes that train together.
    """
    surroundings = {**machine.describe(world_size), "seed": resolved.recipe.seed}
    return {"environment.json": durable.json_line(surroundings) + "\n", "recipe.yaml": resolved.dump()}


def has_begun(environment: dict[str, Any]) -> bool:
    """Return whether a run had settled and written down everything that its steps depend on."""
    return "recipe" in environment


def write(folder: RunFolder, gathered: Gathered, resolved: Resolved, report: TuningReport, world_size: int) -> None:
    """Write `recipe.yaml`, `environment.json` and `data.json` of a new run."""
    durable.write_text(folder.recipe, resolved.dump())
    durable.write_json(folder.data, data(gathered))
    origin = gathered.source.origin
    durable.write_json(
        folder.environment,
        {
            **machine.describe(world_size),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": resolved.recipe.seed,
            "base": {"name": origin.name, "fingerprint": origin.fingerprint, "facts": list(origin.facts)},
            "tuning": {
                "kind": report.kind,
                "num_trainable": report.num_trainable,
                "num_total": report.num_total,
                "frozen_blocks": report.frozen_blocks,
            },
            "data_fingerprints": dict(gathered.fingerprints),
            "recipe": resolved.recipe.model_dump(mode="json"),
        },
    )


def seconds_trained(path: Path) -> float:
    """Return the seconds that a run has trained by its events, over all the times that it was begun."""
    total, last = 0.0, None
    for event in events.read(path):
        now = datetime.fromisoformat(event["time"])
        if last is not None and event["kind"] in ("step", "evaluation", "checkpoint", "fit_end"):
            total += max(0.0, (now - last).total_seconds())
        if event["kind"] in ("fit_start", "step", "evaluation", "checkpoint"):
            last = now
        elif event["kind"] == "fit_end":
            last = None
    return total


def check_same(folder: RunFolder, resolved: Resolved, environment: dict[str, Any]) -> None:
    """Refuse to go on with a recipe that is not the one the run began with; before it began, any will do.

    Raises:
        RunError: If a value differs; all such keys are named.
    """
    if not has_begun(environment):
        return
    changed = differences(Recipe.model_validate(environment["recipe"]), resolved.recipe)
    if changed:
        raise RunError(
            "E-RUN-020",
            say("The recipe is no longer the one that this run began with: {keys} changed.", keys=", ".join(changed)),
            where=str(folder.recipe),
            mend=say("Undo the change, or begin a new run with it: afina train RECIPE"),
        )


def check_data(gathered: Gathered, environment: dict[str, Any]) -> None:
    """Refuse to go on with data files other than those the run began with.

    Raises:
        RunError: If a file differs; all such files are named.
    """
    before = environment["data_fingerprints"]
    changed = sorted(path for path, digest in gathered.fingerprints.items() if before.get(path) != digest)
    if changed:
        raise RunError(
            "E-RUN-021",
            say("Data files changed since this run began: {files}.", files=", ".join(changed)),
            mend=say("Put the files back as they were, or begin a new run: afina train RECIPE"),
        )


def data(gathered: Gathered) -> dict[str, Any]:
    """Return what `data.json` holds: counts, columns, splits, classes, lengths and findings."""
    dataset, splits = gathered.dataset, gathered.splits
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}

    facts = {
        name: data_facts.gather(rows, dataset.columns, gathered.processor.count) for name, rows in parts.items() if rows
    }
    findings = examine(facts, max_tokens=gathered.task.limit.max_tokens)
    tokens = lengths(gathered.segments["train"])
    classes: Counter[str] = Counter()
    if gathered.task.head.problem != "regression":
        classes.update(name for row in splits.train for name in data_facts.label_names(row, dataset.columns))
    return {
        "format": dataset.format,
        "columns": {**asdict(dataset.columns), "reasons": dict(dataset.columns.reasons)},
        "counts": {
            "read": len(dataset.rows) + len(dataset.refused),
            "usable": len(dataset.rows),
            "refused": len(dataset.refused),
        },
        "splits": {**{name: len(rows) for name, rows in parts.items()}, "rule": splits.rule},
        "classes": dict(classes),
        "fingerprint": dict(gathered.fingerprints),
        "tokens": {
            "p50": int(np.percentile(tokens, 50)),
            "p95": int(np.percentile(tokens, 95)),
            "max": int(tokens.max()),
        },
        "findings": [
            {
                "code": finding.code,
                "level": finding.severity,
                "what": finding.what,
                "count": len(finding.rows),
                "where": list(finding.rows),
                "mend": finding.mend,
            }
            for finding in findings
        ],
    }
