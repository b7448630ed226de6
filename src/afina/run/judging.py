"""The tuned model judged: on validation rows while it trains, on test rows against its base, on what it knew before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from afina.data.contract import Row
from afina.engine import memory
from afina.engine.contract import Judgement
from afina.evaluation import compare, forgetting, majority, probe
from afina.evaluation.contract import Cost, Evaluation, Example
from afina.inference.forward import Forward
from afina.metrics import calibration, score
from afina.models import loading
from afina.run.gather import Gathered, read_labelled
from afina.tasks import _labels
from afina.tasks.contract import Task

MOST_PROBE_ROWS = 20_000
"""Training rows that the base's probe is fitted on at most; more would cost time and change nothing."""

MOST_GAP_ROWS = 2_000
"""Training rows on which the gap between training and test is measured."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What training cost.

    Attributes:
        train_s: Seconds.
        num_trainable: Parameters that moved.
        num_total: Parameters of the model.
    """

    train_s: float
    num_trainable: int
    num_total: int


def judgement(task: Task, predictions: np.ndarray, references: np.ndarray) -> Judgement:
    """Return what validation rows say: the main metric and the mean loss."""
    scores = task.score(predictions, references)
    main = next(iter(scores))
    if task.head.problem == "regression":
        loss = float(np.mean((predictions[:, 0] - references) ** 2))
    else:
        loss = calibration.log_loss(task.head.problem, predictions, references)
    value = scores[main] if score.is_higher_better(main) else -scores[main]
    return Judgement(loss, scores, value)


def base_forward(gathered: Gathered, like: Forward) -> Forward:
    """Return the base as it came, ready to run as `like` runs."""
    base = loading.load(gathered.source, gathered.task.head, gathered.processor, seed=gathered.recipe.seed)
    layout = "packed" if like.model.layout.is_packed else "padded"
    return Forward(base.eval().requires_grad_(False), like.device, like.precision, layout)  # type: ignore[arg-type]


def evaluate(gathered: Gathered, forward: Forward, base: Forward, spent: Spent) -> Evaluation:
    """Compare the tuned model with the majority and with the base as it came, on the test rows.

    Args:
        gathered: The run's ingredients.
        forward: The tuned model.
        base: The base as it came.
        spent: What training cost.
    """
    started = time.monotonic()
    task, splits, recipe = gathered.task, gathered.splits, gathered.recipe
    problem, labels = task.head.problem, task.head.labels
    test = task.references(splits.test)
    probed = _probe(gathered, base)
    train_references = task.references(splits.train)
    sampling = compare.Sampling(recipe.evaluation.confidence, recipe.evaluation.num_resamples, recipe.seed)
    predictions = compare.Predictions(
        majority=majority.predict(problem, train_references, len(test), num_classes=len(labels)),
        base=probed.predictions,
        tuned=forward.predict(task, gathered.segments["test"]),
        methods={"majority": majority.method(problem, labels, train_references), "base": probed.method},
    )
    some = slice(0, MOST_GAP_ROWS)
    gap = compare.Graded(forward.predict(task, gathered.segments["train"][some]), train_references[some])
    evaluation = compare.compare(
        problem,
        labels if problem != "regression" else (),
        test,
        predictions,
        sampling=sampling,
        train=gap,
        rows=_examples(task, splits.test),
    )
    lost = tuple(
        forgetting.measure(_retained(gathered, base, forward, place), sampling=sampling)
        for place in range(len(recipe.evaluation.retained))
    )
    cost = Cost(
        train_s=spent.train_s,
        evaluation_s=time.monotonic() - started,
        peak_memory_bytes=memory.peak_bytes(forward.device),
        num_trainable_parameters=spent.num_trainable,
        num_parameters=spent.num_total,
        device=str(forward.device),
    )
    return replace(evaluation, forgetting=lost, cost=cost)


def _probe(gathered: Gathered, base: Forward) -> probe.Probe:
    task, splits = gathered.task, gathered.splits
    some = slice(0, MOST_PROBE_ROWS)
    train = probe.Labelled(base.features(task, gathered.segments["train"][some]), task.references(splits.train[some]))
    validation = None
    if splits.validation:
        validation = probe.Labelled(
            base.features(task, gathered.segments["validation"]), task.references(splits.validation)
        )
    return probe.fit_predict(
        task.head.problem,
        train,
        base.features(task, gathered.segments["test"]),
        num_classes=len(task.head.labels),
        validation=validation,
    )


def _retained(gathered: Gathered, base: Forward, tuned: Forward, place: int) -> forgetting.Retained:
    """Return a file from elsewhere as both models see it; its labels have nothing to do with the task's."""
    asked = gathered.recipe.evaluation.retained[place]
    dataset = read_labelled(asked.path, gathered.recipe, asked.text, asked.label)
    problem, _ = _labels.infer_problem(dataset.rows, dataset.columns, None)
    reader = _labels.read(dataset.rows, dataset.columns, problem, None, None)
    task = gathered.task.over(dataset.columns)
    segments = task.encode(dataset.rows)
    return forgetting.Retained(
        name=asked.path,
        problem=problem,
        references=reader.references(dataset.rows),
        base=base.features(task, segments),
        tuned=tuned.features(task, segments),
        num_classes=len(reader.labels),
    )


def _examples(task: Task, rows: Sequence[Row]) -> list[Example]:
    return [Example(row.number, row.where, task.text_of(row)) for row in rows]
