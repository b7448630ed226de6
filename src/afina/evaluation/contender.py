"""How one contender did: its scores with intervals, per class, confusion and calibration.

A part of the layout described in `contract.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Problem = Literal["single", "multi", "regression"]
"""One class per row, any number of classes per row, or a real number per row."""

Contender = Literal["majority", "base", "tuned"]
"""Who is compared: the trivial answer, the base as it came, and the tuned model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A percentile bootstrap interval.

    Attributes:
        low: Lower end; None when the quantity is undefined.
        high: Upper end; None when the quantity is undefined.
    """

    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one contender.

    Attributes:
        metric: Name of the metric.
        value: Its value on the test rows; None when undefined (a correlation with a constant).
        low: Lower end of its interval.
        high: Upper end of its interval.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One row of the per-class table.

    Attributes:
        label: Name of the class.
        precision: Share of the rows predicted as this class that are of it, 0..1; 0 when none was predicted.
        recall: Share of this class's rows that were found, 0..1; 0 when it has none.
        f1: Harmonic mean of the two, 0..1.
        support: Number of test rows of this class.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Predictions of similar confidence.

    Attributes:
        low: Lower edge of confidence, excluded (the first bin includes 0).
        high: Upper edge of confidence, included.
        count: Number of predictions in the bin.
        confidence: Their mean confidence; None when the bin is empty.
        accuracy: Share of them that is right; None when the bin is empty.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Whether a stated probability can be believed.

    Attributes:
        ece: Expected calibration error over the bins, 0..1.
        brier: Brier score, squared error of the probabilities summed over classes, 0..2 (multi: mean over cells, 0..1).
        log_loss: Mean cross-entropy, nats (multi: mean over cells).
        num_bins: Number of equally wide bins.
        bins: Every bin, from low confidence to high.
    """

    ece: float
    brier: float
    log_loss: float
    num_bins: int
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What one contender reached on the test rows.

    Attributes:
        name: Which contender.
        method: How its predictions were made, one sentence in the language of the run.
        main: The metric that decides.
        metrics: Every metric of the problem, the main one first.
        per_class: One row per class; empty for regression.
        confusion: Counts, references by predictions, for single-label problems.
        calibration: Calibration of its probabilities; None for regression.
    """

    name: Contender
    method: str
    main: Score
    metrics: tuple[Score, ...]
    per_class: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contenders:
    """The three contenders on the same rows.

    Attributes:
        majority: The most frequent training class, or the training mean.
        base: The base as it came: a probe on its frozen features.
        tuned: The tuned model.
    """

    majority: Scores
    base: Scores
    tuned: Scores
