"""Every value that a recipe may leave open, settled and explained once the rows and the model are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from afina.base import device, registry
from afina.base.messages import say
from afina.base.types import Aids, Segments
from afina.data import batching
from afina.engine.contract import Judgement
from afina.engine.material import Settings
from afina.inference import precision
from afina.inference.used_rows import occurring
from afina.models.contract import Model
from afina.recipe.resolved import Resolved
from afina.recipe.schema import Recipe
from afina.retention.contract import Path
from afina.run.gather import Gathered
from afina.tasks import _labels
from afina.tuning.contract import State, TuningReport

EVALUATIONS_PER_RUN = 20
"""About this many times validation rows are judged over a run, when the recipe leaves it open; at most once per
epoch."""


PADDING_TO_PACK = 1.25
"""Positions computed for each real token, padding included, from which `training.layout: auto` packs.

Without padding nothing is computed in vain, but each text's attention is a product of its own, which on short texts
takes longer than one product for all. Measured with the packaged MiniLM, all blocks learning, 32 rows a step, forward
and backward, processor time of one thread, padded / packed. In bfloat16: texts of about 27 tokens in 3200 rows, 1.09
positions a token, 0.87 to 0.92; of 8 to 256 tokens in 3200 rows, 1.10 positions, 1.09; the same in 128 rows, 1.37 to
1.41 positions, 1.14 to 1.42; in 64 rows, 1.7 positions, 1.30. In float32 1.02 to 1.07 with 1.09 positions, and 1.54
with 1.41.
"""

FEWEST_EPOCHS, MOST_EPOCHS, WANTED_STEPS = 3, 10, 150
"""What `training.epochs: auto` means: BERT's three epochs, and more where they would be too few steps to learn in."""


def settle(gathered: Gathered, report: TuningReport, processes: Any) -> Resolved:
    """Return the recipe with learning rate, precision, micro-batch and intervals settled.

    Args:
        gathered: The run's ingredients.
        report: What the tuning reported.
        processes: This process among those that train together.
    """
    resolved = gathered.resolved
    for path, value, why in _found(gathered, report, processes):
        resolved = resolved.infer(path, value, why)
    return resolved


def _found(gathered: Gathered, report: TuningReport, processes: Any) -> Iterator[tuple[str, Any, str]]:
    training = gathered.recipe.training
    steps = -(-len(gathered.splits.train) // training.global_batch_size)
    epochs = training.epochs
    if epochs == "auto":
        epochs = float(min(max(FEWEST_EPOCHS, -(-WANTED_STEPS // steps)), MOST_EPOCHS))
        yield (
            "training.epochs",
            epochs,
            say("three, or as many as about {steps} steps need, at most ten", steps=WANTED_STEPS),
        )
    if training.learning_rate == "auto":
        yield "training.learning_rate", *_learning_rate(gathered, report)
    if training.layout == "auto":
        yield "training.layout", *_layout(gathered, report, processes)
    if training.precision == "auto":
        yield "training.precision", *precision.choose("auto", processes.device, device.facts().has_native_bfloat16)
    if training.micro_batch_size == "auto":
        share = -(-training.global_batch_size // processes.num_processes)
        yield "training.micro_batch_size", share, say("the whole batch at once; halved where memory does not suffice")
    every = max(1, steps * max(1, math.ceil(epochs / EVALUATIONS_PER_RUN)))
    if training.evaluate_every_steps == "auto":
        yield "training.evaluate_every_steps", every, say("once per epoch, at most twenty times a run")
    if training.save_every_steps == "auto":
        yield "training.save_every_steps", every, say("as often as validation rows are judged")


def _layout(gathered: Gathered, report: TuningReport, processes: Any) -> tuple[str, str]:
    if processes.device.type != "cpu":
        return "padded", say("only a CPU packs")
    if not report.takes_segments:
        return "padded", say("the technique does not let texts share a sequence")
    rows = gathered.segments["train"]
    plan = batching.Plan(lengths(rows), gathered.recipe.training.global_batch_size, gathered.recipe.seed)
    computed = sum(
        sum(len(rows[row].documents) for row in step) * int(plan.lengths[step].max()) for step in plan.epoch(0)
    )
    ratio = computed / sum(row.num_tokens for row in rows)
    return "packed" if ratio >= PADDING_TO_PACK else "padded", say(
        "padded, {share} positions would be computed for each token; packing pays from {limit}",
        share=f"{ratio:.2f}",
        limit=f"{PADDING_TO_PACK:g}",
    )


def _learning_rate(gathered: Gathered, report: TuningReport) -> tuple[float, str]:
    """Return the technique's rate, scaled for an optimiser that does not take AdamW's steps."""
    kind = getattr(gathered.recipe.training.optimizer, "kind", "adamw")
    scale = getattr(registry.module("engine.optimizers", kind), "AUTO_SCALE", 1.0)
    why = report.learning_rate_reason
    if scale != 1.0:
        why = say("{why}; {scale:g} times that for {optimizer}", why=why, scale=scale, optimizer=kind)
    return report.learning_rate * scale, why


def settings(recipe: Recipe, plan: batching.Plan) -> Settings:
    """Return how long and how fast the loop runs, from a settled recipe."""
    training = recipe.training
    num_steps = max(1, round(float(training.epochs) * plan.steps_per_epoch))
    return Settings(
        num_steps=min(num_steps, training.max_steps or num_steps),
        learning_rate=float(training.learning_rate),
        micro_batch_size=int(training.micro_batch_size),
        max_gradient_norm=training.max_gradient_norm,
        evaluate_every_steps=int(training.evaluate_every_steps),
        save_every_steps=int(training.save_every_steps),
    )


def lengths(segments: Sequence[Segments]) -> np.ndarray:
    """Return the tokens of each row's longest document, shape (rows,)."""
    return np.asarray([segment.longest for segment in segments])


def tokens_in_training(gathered: Gathered) -> np.ndarray | None:
    """Return the token ids that training can read; None where the optimiser moves weights without a gradient too."""
    optimizer = gathered.recipe.training.optimizer
    tokenizer = gathered.processor.tokenizer
    if not getattr(optimizer, "leaves_untouched", False):
        return None
    read = [gathered.segments["train"], gathered.segments["validation"]]
    return occurring(read, also=[gathered.processor.pad_token_id, *tokenizer.all_special_ids])


def aids(gathered: Gathered) -> Aids:
    """Return what objectives may need beside model and batch."""
    if gathered.task.head.problem == "regression":
        return Aids()
    targets = (segment.target for segment in gathered.segments["train"])
    return Aids(class_counts=_labels.counts(targets, len(gathered.task.head.labels)))


def path(gathered: Gathered, model: Model, start: State, judge: Callable[[], Judgement] | None) -> Path:
    """Return the way from the weights before training to those after it; the fresh head stays as it was trained."""
    end = gathered.tuning.state(model)
    head = frozenset(model.blocks.head)
    origin = {name: end[name] if name in head else weights for name, weights in start.items()}

    def move(alpha: float) -> None:
        gathered.tuning.interpolate(model, origin, end, alpha)

    return Path(move, lambda: judge().score if judge is not None else 0.0)
