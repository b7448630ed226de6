"""A run in trackers: which are asked for, what they are told of the recipe, and what of the verdict."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath

from afina.base import durable, registry
from afina.base.events import Events
from afina.engine.trackers.contract import Tracker
from afina.engine.tracking import Mirrors
from afina.evaluation.contract import Evaluation
from afina.recipe.schema import Recipe
from afina.run import listing
from afina.run.folder import RunFolder
from afina.run.listener import Listener
from afina.run.prepared import Prepared

_NOT_IN_NAMES = re.compile(r"[^\w./ -]+")


def trackers(recipe: Recipe) -> dict[str, Tracker]:
    """Return the trackers that a recipe asks for, by kind, numbered where there are several of one.

    Raises:
        MissingExtraError: If what one needs is not installed.
    """
    seen: Counter[str] = Counter()
    found: dict[str, Tracker] = {}
    for options in recipe.tracking:
        kind = str(getattr(options, "kind", ""))
        seen[kind] += 1
        found[kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"] = registry.build("engine.trackers", options)
    return found


def mirrors(prepared: Prepared, folder: RunFolder, events: Events, listener: Listener) -> Mirrors:
    """Return the mirrors of a run; one that fails is said to the listener and noted in the run's events."""

    def warn(sentence: str) -> None:
        events.write("note", level="warn", code="tracking", message=sentence)
        listener.warning(sentence)

    values = listing.flat(prepared.resolved.recipe.model_dump(mode="json"))
    parameters = {path: value if isinstance(value, str) else durable.json_line(value) for path, value in values.items()}
    return Mirrors(prepared.trackers, folder.path, parameters, listener.remark, warn)


def figures(evaluation: Evaluation) -> Mapping[str, float]:
    """Return the figures of a finished run by name: scores of base and tuned model, forgetting, cost."""
    found: dict[str, float | None] = {}
    for each in evaluation.verdict.differences:
        found[f"test/{each.metric}"] = each.tuned
        found[f"test/{each.metric}/base"] = each.base
        found[f"test/{each.metric}/difference"] = each.difference
    found["test/p_value"] = evaluation.verdict.p_value
    for retained in evaluation.forgetting:
        # Trackers take few characters in a name, and a path of this machine says nothing on another one.
        name = _NOT_IN_NAMES.sub("-", PurePath(retained.name).name)
        found[f"retained/{name}/{retained.metric}/difference"] = retained.difference
    cost = evaluation.cost
    if cost is not None:
        found["cost/train_s"] = cost.train_s
        found["cost/num_trainable_parameters"] = cost.num_trainable_parameters
        found["cost/peak_memory_bytes"] = cost.peak_memory_bytes
        found["cost/artefact_bytes"] = cost.artefact_bytes
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}
