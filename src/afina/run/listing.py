"""What many runs look like side by side: one line each, and where two of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base import lease
from afina.base.durable import finite
from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.engine import checkpoint
from afina.recipe import document
from afina.run.folder import RunFolder, Status, evaluation_of

Differences = list[tuple[str, Any, Any]]
"""Dotted key, its value in the first run, its value in the second; None where a run lacks it."""


def summary(run: RunFolder) -> dict[str, Any]:
    """Return a run in one line: name, path, status, created, size, base, tuning, score against the base, verdict."""
    recipe = asked(run)
    evaluation = evaluation_of(run)
    scores, verdict = evaluation.get("scores") or {}, evaluation.get("verdict") or {}
    main = _main(scores, "tuned")
    return {
        "name": run.name,
        "path": str(run.path),
        "status": run.status,
        "created": run.created,
        "size_bytes": run.size_bytes,
        "base": _kind(recipe.get("base"), "name"),
        "tuning": _kind(recipe.get("tuning"), "kind"),
        "metric": main.get("metric"),
        "score": main.get("value"),
        "base_score": _main(scores, "base").get("value"),
        "outcome": verdict.get("outcome"),
    }


def status_word(status: Status) -> str:
    """Return a status as people read it."""
    words: dict[Status, str] = {
        "new": say("new"),
        "running": say("running"),
        "interrupted": say("interrupted"),
        "finished": say("finished"),
        "failed": say("failed"),
    }
    return words[status]


def details(run: RunFolder) -> dict[str, Any]:
    """Return what `runs show` tells: the summary, the verdict, the recipe, checkpoints, files, who holds it."""
    holder = lease.holder(run.path)
    files = {"recipe": run.recipe, "model": run.model, "report": run.report, "predictions": run.predictions}
    return {
        **summary(run),
        "verdict": (evaluation_of(run).get("verdict") or {}).get("sentence"),
        "checkpoints": checkpoint.steps(run.path),
        "pid": holder.pid if holder else None,
        "host": holder.host if holder else None,
        "files": {name: str(path) for name, path in files.items() if path.exists()},
        "recipe": asked(run),
    }


def compare(first: RunFolder, second: RunFolder) -> tuple[Differences, Differences]:
    """Return the recipe keys in which two runs differ, and every test score of either, both in order of appearance."""
    recipes = flat(asked(first)), flat(asked(second))
    missing = object()
    keys = dict.fromkeys([*recipes[0], *recipes[1]])
    differing = [key for key in keys if recipes[0].get(key, missing) != recipes[1].get(key, missing)]
    scores = _metrics(first), _metrics(second)
    names = dict.fromkeys([*scores[0], *scores[1]])
    return (
        [(key, recipes[0].get(key), recipes[1].get(key)) for key in differing],
        [(name, scores[0].get(name), scores[1].get(name)) for name in names],
    )


def asked(run: RunFolder) -> dict[str, Any]:
    """Return the run's recipe as plain values, empty when it has none that can be read."""
    try:
        content = run.recipe.read_bytes()
    except OSError:
        return {}
    try:
        name = str(run.recipe)
        tree = document.parse(document.decode(content, name), name).tree
    except RecipeError:
        return {}
    plain: dict[str, Any] = finite(tree)
    return plain


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a tree's leaves by dotted key; a list is a leaf."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _kind(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else value


def _main(scores: Mapping[str, Any], contender: str) -> Mapping[str, Any]:
    return (scores.get(contender) or {}).get("main") or {}


def _metrics(run: RunFolder) -> dict[str, Any]:
    scores = evaluation_of(run).get("scores") or {}
    return {
        f"{contender}.{entry['metric']}": entry["value"]
        for contender in ("tuned", "base", "majority")
        for entry in (scores.get(contender) or {}).get("metrics", [])
    }
