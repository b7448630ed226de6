"""Read a saved model and say what it says of rows: `python -m afina.run.reload FOLDER [--trust] < rows.json`.

A run ends by calling this in a fresh process, which knows nothing but the files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from afina.base import registry
from afina.base.errors import SourceError
from afina.base.messages import say
from afina.data.contract import Row
from afina.inference.forward import Forward
from afina.inference.precision import Precision
from afina.models import loading, sources
from afina.models import processor as processors
from afina.models.contract import HeadSpec, Model
from afina.models.processor import Processor
from afina.recipe.schema import Base
from afina.tasks.contract import Task
from afina.tuning.contract import Tuning


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A saved model, ready to be used.

    Attributes:
        task: What it is for.
        forward: The model, ready to run.
    """

    task: Task
    forward: Forward


def reload(folder: Path, device: torch.device, precision: Precision, *, trusted: bool = False) -> Reloaded:
    """Load what a run saved.

    Args:
        folder: Where it was saved.
        device: Where it will run.
        precision: What it computes in.
        trusted: Whether code that came with the base may run; what was saved has no say in it.

    Raises:
        SourceError: If the folder was not written by a run, or holds an adapter whose base is no longer what it was.
    """
    description = loading.describe(folder)
    spec = spec_of(description)
    if description.get("is_adapter"):
        model, processor, tuning = base_of(folder, spec, description, trusted=trusted)
        tuning.restore(model, folder)
    else:
        source = sources.locate(Base(name=str(folder), trust_remote_code=trusted))
        processor = processors.load(source)
        model = loading.load(source, spec, processor, seed=0)
    loading.load_head(model, folder)
    return Reloaded(task_of(description, processor), Forward(model.eval(), device, precision))


def spec_of(description: Mapping[str, Any]) -> HeadSpec:
    """Return the head of a model that a run described."""
    return HeadSpec(tuple(description["labels"]), description["problem"], description["pooling"])


def task_of(description: Mapping[str, Any], processor: Processor) -> Task:
    """Return the task of a model that a run described."""
    task: Task = registry.module("tasks", description["task"]).restore(description, processor)
    return task


def base_of(
    folder: Path,
    spec: HeadSpec,
    description: Mapping[str, Any],
    *,
    in_float32: bool = False,
    trusted: bool = False,
) -> tuple[Model, Processor, Tuning]:
    """Return the base that an adapter was made on, its processor, and the adapter's technique, which is not on it yet.

    Args:
        folder: Where a run saved the adapter.
        spec: The head to give the base.
        description: What the run wrote about the model.
        in_float32: Whether the base is loaded in float32, whatever the technique trained on.
        trusted: Whether code that comes with the base may run.

    Raises:
        SourceError: If the base is no longer what it was.
    """
    base = description["base"]
    source = sources.locate(Base(name=base["name"], revision=base["revision"], trust_remote_code=trusted))
    if source.origin.fingerprint != base["fingerprint"]:
        raise SourceError(
            "E-MODEL-013",
            say("The adapter was made on other weights than those that {name} holds now.", name=base["name"]),
            where=str(folder),
            expected=f"SHA-256 {base['fingerprint']}",
            mend=say("Bring the base back that the run was trained on."),
        )
    kind = description["tuning"]["kind"]
    tuning: Tuning = registry.build("tuning", registry.config("tuning", kind)(**description["tuning"]))
    processor = processors.load(source)
    model = loading.load(source, spec, processor, seed=0, requires={} if in_float32 else tuning.requires)
    return model, processor, tuning


def as_rows(values: list[dict[str, Any]]) -> list[Row]:
    """Return records as rows that come from nowhere."""
    return [Row(number, "-", number + 1, value) for number, value in enumerate(values)]


def main() -> None:
    """Print the predictions of the rows on standard input, as JSON."""
    reloaded = reload(Path(sys.argv[1]), torch.device("cpu"), "float32", trusted="--trust" in sys.argv[2:])
    rows = as_rows(json.load(sys.stdin))
    predictions = reloaded.forward.predict(reloaded.task, reloaded.task.encode(rows))
    sys.stdout.write(json.dumps(predictions.tolist()))


if __name__ == "__main__":
    main()
