"""A finished run judged again: on its own test rows, or on a labelled file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from afina.base.errors import RunError
from afina.base.messages import say
from afina.data import source as data_source
from afina.data.contract import Row
from afina.evaluation.contract import Evaluation
from afina.recipe.schema import Recipe
from afina.run import judging, machine, record, reload
from afina.run.gather import Gathered, gather
from afina.run.listener import Listener, Silent
from afina.run.opened import Run
from afina.run.python import left


def evaluate(run: Run, data: Path | None = None, listener: Listener | None = None) -> Evaluation:
    """Compare a run's model with its base again; nothing in the run's folder changes.

    The base's probe is fitted on the training rows, so the run's data must still be there.

    Args:
        run: A finished run.
        data: A labelled file with the columns of the training rows; None takes the run's own test rows.
        listener: Who is told how far it is.

    Raises:
        RunError: If the run is not finished, or its recipe or data changed.
        DataError: If rows of `data` cannot be used; all of them are listed.
    """
    listener = listener or Silent()
    before = run.evaluation
    resolved, environment = left(run.folder)
    processes = machine.processes(1)
    machine.set_threads(int(environment["threads"]))
    listener.stage(say("reading the rows"))
    gathered = gather(resolved)
    record.check_data(gathered, environment)
    listener.stage(say("loading the tuned model"))
    recipe = resolved.recipe
    reloaded = reload.reload(
        run.folder.model,
        processes.device,
        recipe.training.precision,  # type: ignore[arg-type]
        trusted=recipe.base.trust_remote_code,
    )
    # The saved model speaks the labels' own unit already, which the task of a fresh base does not expect.
    gathered = _over(replace(gathered, task=reloaded.task), None if data is None else _rows(data, gathered))
    listener.stage(say("comparing with the base"))
    base = judging.base_forward(gathered, reloaded.forward)
    assert before.cost is not None, "a finished run has counted its cost"
    spent = judging.Spent(before.cost.train_s, before.cost.num_trainable_parameters, before.cost.num_parameters)
    evaluation = judging.evaluate(gathered, reloaded.forward, base, spent)
    assert evaluation.cost is not None, "the judge counts the cost"
    return replace(evaluation, cost=replace(evaluation.cost, artefact_bytes=before.cost.artefact_bytes))


def _rows(path: Path, gathered: Gathered) -> list[Row]:
    recipe: Recipe = gathered.recipe
    section = recipe.data.model_copy(update={"train": str(path), "format": "auto"})
    dataset = data_source.read(section, Path(), columns=gathered.dataset.columns)
    return dataset.rows


def _over(gathered: Gathered, test: list[Row] | None) -> Gathered:
    """Return the ingredients with the test rows replaced, if others are given, and encoded by the task."""
    splits = gathered.splits if test is None else replace(gathered.splits, test=test)
    if not splits.test:
        raise RunError(
            "E-RUN-034",
            say("This run set no test rows aside."),
            mend=say("Give labelled rows: afina eval RUN --data FILE"),
        )
    segments: Mapping[str, Any] = {
        name: gathered.task.encode(getattr(splits, name)) for name in ("train", "validation", "test")
    }
    return replace(gathered, splits=splits, segments=segments)
