"""What leaves a run: the model, the evaluation, the predictions; and the proof that they are what they claim."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from afina.base import durable
from afina.base.errors import Problem, QualityError
from afina.base.messages import language, say
from afina.base.optional import need
from afina.engine.loop import NOISE
from afina.evaluation.contract import Evaluation
from afina.inference.forward import Forward
from afina.models import quantised, saving, sources
from afina.models.contract import Model
from afina.reporting.card import write_card
from afina.run.folder import RunFolder
from afina.run.gather import Gathered
from afina.tuning.contract import TuningReport

INVARIANT = {"key.bias": "softmax", "k_lin.bias": "softmax", "k_proj.bias": "softmax", ".k.bias": "softmax"}
"""Endings of parameters along which the loss never changes: a constant added to every key moves all scores of a query
alike, and the softmax takes it away. They have a gradient of zero by mathematics, not by mistake."""

NUM_PROBES = 8
"""Texts on which the reloaded model must agree."""

SAME = 1e-5
"""Largest difference, relative to the largest output, between a model and its reloaded self, both in float32."""


def check_learning(model: Model, report: TuningReport, gradient_seen: Mapping[str, float]) -> list[Problem]:
    """Return what did not learn though it should have; a whole block of it is an error.

    Args:
        model: The trained model.
        report: What was meant to move.
        gradient_seen: Largest gradient of each parameter whose stage began; a run may be stopped before the last one's.

    Raises:
        QualityError: If a whole block, or everything that moves, never had a gradient, or a weight is not finite.
    """
    broken = [name for name, parameter in model.named_parameters() if not bool(torch.isfinite(parameter).all())]
    if broken:
        raise QualityError("E-CHECK-001", say("Weights are not finite numbers: {names}.", names=", ".join(broken[:5])))
    floor = NOISE * max(gradient_seen.values(), default=0.0)
    dead = {name for name, seen in gradient_seen.items() if seen <= floor and not name.endswith(tuple(INVARIANT))}
    moving = set(report.names).intersection(gradient_seen)
    for unit, names in model.blocks.units.items():
        meant = {name for name in names if name in moving and not name.endswith(tuple(INVARIANT))}
        if meant and meant <= dead:
            raise QualityError(
                "E-CHECK-002",
                say("Nothing in {unit} ever had a gradient: it was meant to learn and did not.", unit=unit),
                mend=say("Report this with the recipe: a layer is cut off from the loss."),
            )
    return [
        Problem(what=say("{name} never had a gradient above rounding.", name=name), where=name) for name in sorted(dead)
    ]


def check_frozen(
    model: Model, base: Model, report: TuningReport, digests: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Refuse a run in which a weight moved that should not have.

    Args:
        model: The trained model.
        base: The base as it came.
        report: What was meant to move.
        digests: What quantised weights were before the first step, which the base does not have so (`digests` of the
            models floor).

    Raises:
        QualityError: If one differs from the base's by a single bit.
    """
    came, now = dict(base.named_parameters()), quantised.digests(model.named_parameters())
    free = {*report.names, *model.blocks.head, *now}
    moved = [name for name, digest in now.items() if digest != digests.get(name)]
    for name, parameter in model.named_parameters():
        alias = report.aliases.get(name)
        if name not in free and alias is not None and not torch.equal(parameter, came[alias]):
            moved.append(name)
    if moved:
        raise QualityError("E-CHECK-003", say("Frozen weights changed: {names}.", names=", ".join(moved[:5])))


def ship(gathered: Gathered, forward: Forward, folder: RunFolder, evaluation: Evaluation) -> Evaluation:
    """Write the model, see that a fresh process reads it as it is, and write evaluation and predictions.

    Raises:
        QualityError: If the reloaded model disagrees.
    """
    if folder.model.exists():
        # A run killed between here and its last word ships again.
        durable.remove_folder(folder.model)
    published = sources.published_name(gathered.source.origin)
    saving.save(
        forward.model,
        gathered.processor,
        folder.model,
        _description(gathered),
        lambda unfinished: gathered.tuning.save(forward.model, unfinished, published),
    )
    check_reload(gathered, forward, folder.model)
    assert evaluation.cost is not None, "the judge counts the cost"
    size = sum(path.stat().st_size for path in folder.model.iterdir() if path.is_file())
    evaluation = replace(evaluation, cost=replace(evaluation.cost, artefact_bytes=size))
    durable.write_json(folder.evaluation, evaluation.to_dict())
    write_predictions(gathered, forward, folder.predictions)
    usage = saving.usage(forward.model, gathered.processor, gathered.tuning.usage, published)
    write_card(folder.path, usage, language=language())
    return evaluation


def _description(gathered: Gathered) -> dict[str, Any]:
    """Return what a saved model says of itself: the task, the base it stands on, and the technique."""
    recipe, origin = gathered.recipe, gathered.source.origin
    base = {"name": origin.name, "revision": recipe.base.revision, "fingerprint": origin.fingerprint}
    return {**gathered.task.describe(), "base": base, "tuning": recipe.tuning.model_dump(mode="json")}


def check_reload(gathered: Gathered, forward: Forward, model_folder: Path) -> None:
    """Load what was saved in a fresh process and compare its outputs.

    Raises:
        QualityError: If it cannot be loaded or disagrees.
    """
    rows = (gathered.splits.test or gathered.splits.train)[:NUM_PROBES]
    values = [dict(row.values) for row in rows]
    expected = forward.in_float32().predict(gathered.task, gathered.task.encode(rows))
    trust = ["--trust"] if gathered.recipe.base.trust_remote_code else []
    command = [sys.executable, "-m", "afina.run.reload", str(model_folder), *trust]
    result = subprocess.run(command, input=json.dumps(values, default=str), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise QualityError(
            "E-CHECK-004",
            say("The saved model cannot be loaded: {reason}", reason=result.stderr.strip()[-400:]),
            where=str(model_folder),
        )
    difference = float(np.abs(np.asarray(json.loads(result.stdout)) - expected).max())
    if not difference <= SAME * max(1.0, float(np.abs(expected).max())):
        raise QualityError(
            "E-CHECK-005",
            say(
                "The saved model does not say what the trained one says: they differ by {difference:.2g}.",
                difference=difference,
            ),
            where=str(model_folder),
        )


def write_predictions(gathered: Gathered, forward: Forward, path: Path) -> None:
    """Write what the tuned model says of every test row, one row each, as parquet."""
    parquet, arrow = need("pyarrow.parquet", extra="train"), need("pyarrow", extra="train")
    task, rows = gathered.task, gathered.splits.test
    predictions = forward.predict(task, gathered.segments["test"])
    columns: dict[str, Any] = {
        "row": [row.number for row in rows],
        "where": [row.where for row in rows],
        "text": [task.text_of(row) for row in rows],
        "reference": task.names(task.references(rows)),
        "prediction": task.decide(predictions),
    }
    names = task.head.labels if task.head.problem != "regression" else ("value",)
    columns.update(
        {f"p:{name}" if name != "value" else name: predictions[:, place] for place, name in enumerate(names)}
    )
    buffer = io.BytesIO()
    parquet.write_table(arrow.table(columns), buffer)
    durable.write_bytes(path, buffer.getvalue())
