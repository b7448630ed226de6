"""Read a saved model and say what it says of rows: `python -m afina.run.reload FOLDER < rows.json`.

A run ends by calling this in a fresh process, which knows nothing but the files.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from afina.base import registry
from afina.data.contract import Row
from afina.inference.forward import Forward
from afina.inference.precision import Precision
from afina.models import loading, sources
from afina.models import processor as processors
from afina.models.contract import HeadSpec
from afina.tasks.contract import Task


@dataclass(frozen=True, slots=True)
class Reloaded:
    """A saved model, ready to be used.

    Attributes:
        task: What it is for.
        forward: The model, ready to run.
    """

    task: Task
    forward: Forward


def reload(folder: Path, device: torch.device, precision: Precision) -> Reloaded:
    """Load what a run saved.

    Raises:
        SourceError: If the folder was not written by a run.
    """
    description = loading.describe(folder)
    source = sources.locate(_Saved(str(folder)))
    processor = processors.load(source)
    spec = HeadSpec(tuple(description["labels"]), description["problem"], description["pooling"])
    model = loading.reload(source, spec, processor)
    task: Task = registry.module("tasks", description["task"]).restore(description, processor)
    return Reloaded(task, Forward(model, device, precision))


def as_rows(values: list[dict[str, Any]]) -> list[Row]:
    """Return records as rows that come from nowhere."""
    return [Row(number, "-", number + 1, value) for number, value in enumerate(values)]


@dataclass(frozen=True, slots=True)
class _Saved:
    """A saved model as a base: this folder, no code of its own."""

    name: str
    revision: str | None = None
    trust_remote_code: bool = False


def main() -> None:
    """Print the predictions of the rows on standard input, as JSON."""
    reloaded = reload(Path(sys.argv[1]), torch.device("cpu"), "float32")
    rows = as_rows(json.load(sys.stdin))
    predictions = reloaded.forward.predict(reloaded.task, reloaded.task.encode(rows))
    sys.stdout.write(json.dumps(predictions.tolist()))


if __name__ == "__main__":
    main()
