"""Everything that `evaluation.json` holds, as frozen dataclasses.

Layout of the file (`null` where a part does not apply, was not asked for, or a number is undefined; shares such as an
accuracy are fractions in 0..1, never percentages; METRIC is one of `accuracy macro_f1` (single), `micro_f1 macro_f1
subset_accuracy` (multi), `mae rmse r2 spearman` (regression), the main one first; names, directions and number formats
for people are in `afina.metrics.wording`):

    {
      "version": 1,
      "problem": "single" | "multi" | "regression",
      "labels": ["complaint", "praise"],            # class names in index order; [] for regression
      "n": 400,                                     # test rows
      "confidence": 0.95, "num_resamples": 2000, "seed": 42,
      "verdict": {
        "sentence": "Better than the base: ...",    # in the language of the run
        "remarks": ["By macro-F1 ..."],             # further sentences an honest reader must know; often []
        "outcome": "better" | "no difference" | "worse",
        "metric": METRIC,                           # the main metric, which decides
        "difference": 0.041,                        # tuned - base, in the metric's unit (mae, rmse: negative is better)
        "interval": {"low": 0.012, "high": 0.07},
        "confidence": 0.95,
        "p_value": 0.003,
        "test": "mcnemar mid-p" | "paired bootstrap",
        "n": 400,
        "smallest_visible": 0.024,                  # below this a difference cannot be told from chance with n rows
        "differences": [                            # one per METRIC, the main one first
          {"metric": METRIC, "base": 0.85, "tuned": 0.891, "difference": 0.041, "interval": {"low": .., "high": ..},
           "outcome": "better" | "no difference" | "worse"}]
      },
      "scores": {                                   # the same layout for each of the three contenders
        "majority": {
          "name": "majority",
          "method": "always says praise",           # how its predictions were made, one sentence; may be ""
          "main": {"metric": METRIC, "value": 0.5, "low": 0.45, "high": 0.55},
          "metrics": [{"metric": METRIC, "value": .., "low": .., "high": ..}],     # every METRIC, main first
          "per_class": [{"label": "praise", "precision": .., "recall": .., "f1": .., "support": 200}],  # regression: []
          "confusion": [[190, 10], [20, 180]] | null,       # single only: rows are references, columns predictions
          "calibration": null | {                   # single: confidence of the chosen class; multi: of each cell
            "ece": 0.03, "brier": 0.11, "log_loss": 0.35, "num_bins": 15,
            "bins": [{"low": 0.0, "high": 0.0667, "count": 0, "confidence": null, "accuracy": null}]}   # all bins
        },
        "base": {...},                              # the base as it came: a probe on its frozen features
        "tuned": {...}
      },
      "gap": null | {"metric": METRIC, "train": 0.97, "test": 0.89, "difference": 0.08, "num_train": 3000},
      "top_losses": [                               # worst first; at most `num_top_losses`
        {"row": 17, "where": "reviews.csv:18", "text": "...", "reference": "praise", "prediction": "complaint",
         "probability": 0.98,                       # of the prediction; multi: of the worst class; regression: null
         "loss": 3.9}],                             # nats (multi: summed over classes); regression: squared error
      "forgetting": [                               # one per retained file
        {"name": "old.csv", "problem": "single", "metric": METRIC, "n": 300, "num_folds": 5,
         "base": 0.80, "tuned": 0.77, "difference": -0.03, "interval": {"low": .., "high": ..},
         "outcome": "better" | "no difference" | "worse", "sentence": "..."}],
      "cost": null | {"train_s": 93.1, "evaluation_s": 6.0 | null, "peak_memory_bytes": 1234 | null,
                      "num_trainable_parameters": 1000, "num_parameters": 22000000, "artefact_bytes": 90000000 | null,
                      "device": "cpu"}
    }

References and predictions in `top_losses` are label names; several labels of a multi-label row are joined by ", " (none
is ""), regression values have six significant digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from afina.base.errors import RunError
from afina.base.messages import say
from afina.evaluation.contender import Contenders, Interval, Problem

Outcome = Literal["better", "no difference", "worse"]
"""What the evidence says of the tuned model against the base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The tuned model minus the base on one metric.

    Attributes:
        metric: Name of the metric.
        base: The base's value.
        tuned: The tuned model's value.
        difference: tuned - base, in the metric's unit; None when one of them is undefined.
        interval: Paired bootstrap interval of the difference.
        outcome: What the interval says, the metric's direction taken into account.
    """

    metric: str
    base: float | None
    tuned: float | None
    difference: float | None
    interval: Interval
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, in one sentence and in numbers.

    Attributes:
        sentence: The sentence, in the language of the run.
        remarks: Further sentences: other metrics that disagree, a model that does not beat the trivial answer.
        outcome: The answer.
        metric: The metric that decides.
        difference: tuned - base on that metric.
        interval: Paired bootstrap interval of the difference.
        confidence: Confidence of the interval, 0..1.
        p_value: Two-sided p-value of "there is no difference", 0..1.
        test: The test that gave the p-value.
        n: Number of test rows.
        smallest_visible: Size below which a difference cannot be told from chance with these rows.
        differences: One per metric, the main one first.
    """

    sentence: str
    outcome: Outcome
    metric: str
    difference: float
    interval: Interval
    confidence: float
    p_value: float
    test: Literal["mcnemar mid-p", "paired bootstrap"]
    n: int
    smallest_visible: float
    differences: tuple[Difference, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """How much better the tuned model is on rows it learnt from.

    Attributes:
        metric: The main metric.
        train: Its value on training rows.
        test: Its value on test rows.
        difference: train - test.
        num_train: Number of training rows it was measured on.
    """

    metric: str
    train: float
    test: float
    difference: float
    num_train: int


@dataclass(frozen=True, slots=True)
class Example:
    """Where a test row comes from, for people who look at it.

    Attributes:
        row: Number of the row in its data set.
        where: `file:line`.
        text: What the model read.
    """

    row: int
    where: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopLoss:
    """A test row that the tuned model got most wrong.

    Attributes:
        row: Number of the row in its data set.
        where: `file:line`; empty when unknown.
        text: What the model read; empty when unknown.
        reference: The right answer.
        prediction: The model's answer.
        probability: How sure the model was, 0..1; None for regression.
        loss: Its loss on the row: nats, or squared error.
    """

    row: int
    where: str
    text: str
    reference: str
    prediction: str
    probability: float | None
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What a probe on the representation lost on rows from elsewhere.

    Attributes:
        name: The retained file.
        problem: Its problem.
        metric: The metric that decides.
        n: Number of its rows.
        num_folds: Folds of the cross-validation, identical for both.
        base: Score of the probe on the base's features.
        tuned: Score of the probe on the tuned model's features.
        difference: tuned - base.
        interval: Paired bootstrap interval of the difference.
        outcome: What the interval says.
        sentence: The same in words, in the language of the run.
    """

    name: str
    problem: Problem
    metric: str
    n: int
    num_folds: int
    base: float
    tuned: float
    difference: float
    interval: Interval
    outcome: Outcome
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the run cost.

    Attributes:
        train_s: Seconds of training.
        evaluation_s: Seconds of evaluation.
        peak_memory_bytes: Peak resident memory of the process (accelerator: peak allocated).
        num_trainable_parameters: Parameters that moved.
        num_parameters: All parameters.
        artefact_bytes: Size of what is shipped.
        device: Where it ran.
    """

    train_s: float
    num_trainable_parameters: int
    num_parameters: int
    device: str
    evaluation_s: float | None = None
    peak_memory_bytes: int | None = None
    artefact_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The whole of `evaluation.json`; the fields are described on top of this file."""

    problem: Problem
    labels: tuple[str, ...]
    n: int
    confidence: float
    num_resamples: int
    seed: int
    verdict: Verdict
    scores: Contenders
    gap: Gap | None = None
    top_losses: tuple[TopLoss, ...] = ()
    forgetting: tuple[Forgetting, ...] = ()
    cost: Cost | None = None
    version: Literal[1] = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain lists, dicts, numbers and strings, ready for JSON."""
        return _adapter().dump_python(self, mode="json")  # type: ignore[no-any-return]

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation that `to_dict` wrote.

        Raises:
            RunError: If `values` do not have this version's layout.
        """
        try:
            return _adapter().validate_python(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            raise RunError(
                "E-EVALUATION-001",
                say("The evaluation of this run cannot be read: {reason}.", reason=first["msg"]),
                where="evaluation.json: " + ".".join(str(part) for part in first["loc"]),
                mend=say("Evaluate again: afina eval RUN"),
            ) from error


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Evaluation]:
    return TypeAdapter(Evaluation)
