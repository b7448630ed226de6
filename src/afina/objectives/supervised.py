"""Supervised loss on labelled rows: cross-entropy, binary cross-entropy or squared error, after the target.

Label smoothing: Szegedy et al. 2016 (arXiv:1512.00567, sec. 7). Focal loss: Lin et al. 2017 (arXiv:1708.02002, eq. 4).
Shapes: B rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from afina.base.errors import RecipeError
from afina.base.messages import say
from afina.base.types import Aids, Batch, StepOutput
from afina.objectives.contract import Forward
from afina.recipe.section import Section


class Config(Section):
    """Learn from labelled rows."""

    kind: Literal["supervised"] = "supervised"
    """The technique's name."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of each target's mass spread evenly over all classes, in [0, 1). For single labels."""
    class_weights: Literal["none", "balanced"] | tuple[Annotated[float, Field(gt=0.0)], ...] = "none"
    """Weight of each class in the loss: `none`, `balanced` (rows / (classes * rows of the class)), or one positive
    number per class, in the order of the labels. The count stays the number of rows, so weights change the scale of
    the loss."""
    focal_gamma: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    """Focal loss: how strongly rows that are already right are played down; 0 is plain cross-entropy, 2 is usual."""


def build(config: Config) -> Supervised:
    """Return the objective that `config` describes."""
    return Supervised(
        label_smoothing=config.label_smoothing, class_weights=config.class_weights, focal_gamma=config.focal_gamma
    )


@dataclass(frozen=True, slots=True)
class Supervised:
    """The loss of labelled rows, summed over rows.

    Attributes:
        label_smoothing: Mass spread over all classes, in [0, 1).
        class_weights: `none`, `balanced`, or one weight per class.
        focal_gamma: Focusing exponent, at least 0.
    """

    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] | tuple[float, ...] = "none"
    focal_gamma: float = 0.0
    columns: frozenset[str] = field(default=frozenset())

    @property
    def needs(self) -> frozenset[str]:
        """Return the aids that it reads."""
        return frozenset({"class_counts"}) if self.class_weights == "balanced" else frozenset()

    def step(self, model: Forward, batch: Batch, aids: Aids) -> StepOutput:
        """Return the loss of one batch, summed over its rows, and their number.

        For real-valued targets the options for classes do not apply.
        """
        outputs_BC = model(batch)
        outputs_BC = outputs_BC if outputs_BC.dtype == torch.float64 else outputs_BC.float()
        assert batch.targets is not None, "the objective needs labelled rows"
        if batch.target_kind == "value":
            losses_B = (outputs_BC.squeeze(1) - batch.targets.to(outputs_BC.dtype)).square()
        elif batch.target_kind == "multi_hot":
            losses_B = self._binary(outputs_BC, batch.targets.to(outputs_BC.dtype), aids)
        else:
            losses_B = self._single(outputs_BC, batch.targets, aids)
        return StepOutput(losses_B.sum(), len(batch))

    def _single(self, outputs_BC: Tensor, targets_B: Tensor, aids: Aids) -> Tensor:
        weights_C = self._weights(outputs_BC, aids)
        # cross_entropy with reduction="none" multiplies each row's smoothed loss by its classes' weights.
        losses_B = functional.cross_entropy(
            outputs_BC, targets_B, weight=weights_C, label_smoothing=self.label_smoothing, reduction="none"
        )
        if not self.focal_gamma:
            return losses_B
        right_B = outputs_BC.softmax(1).gather(1, targets_B.unsqueeze(1)).squeeze(1)
        return (1 - right_B).pow(self.focal_gamma) * losses_B

    def _binary(self, outputs_BC: Tensor, targets_BC: Tensor, aids: Aids) -> Tensor:
        losses_BC = functional.binary_cross_entropy_with_logits(outputs_BC, targets_BC, reduction="none")
        if self.focal_gamma:
            right_BC = torch.where(targets_BC > 0.5, outputs_BC.sigmoid(), 1 - outputs_BC.sigmoid())
            losses_BC = (1 - right_BC).pow(self.focal_gamma) * losses_BC
        weights_C = self._weights(outputs_BC, aids)
        if weights_C is not None:
            losses_BC = losses_BC * weights_C
        # The mean over classes, as transformers takes it, keeps learning rates comparable between label counts.
        return losses_BC.mean(1)

    def _weights(self, outputs_BC: Tensor, aids: Aids) -> Tensor | None:
        if self.class_weights == "none":
            return None
        num_classes = outputs_BC.shape[1]
        if self.class_weights == "balanced":
            assert aids.class_counts is not None, "balanced weights need the class counts"
            counts_C = torch.as_tensor(aids.class_counts, dtype=outputs_BC.dtype, device=outputs_BC.device).clamp(min=1)
            return counts_C.sum() / (num_classes * counts_C)
        if len(self.class_weights) != num_classes:
            raise RecipeError(
                "E-OBJECTIVE-001",
                say(
                    "There are {given} class weights for {num_classes} classes.",
                    given=len(self.class_weights),
                    num_classes=num_classes,
                ),
                where="objective.supervised.class_weights",
                expected=say("one positive number per class"),
            )
        return outputs_BC.new_tensor(self.class_weights)
