"""WiSE-FT: mix the weights before and after fine-tuning (Wortsman et al. 2022, arXiv:2109.01903, eq. 1).

The mixing weight is chosen on validation rows from the whole curve; ties go to the point nearest the start, which has
forgotten least. Freshly drawn weights have no useful start, so the way moves the base's weights alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from afina.recipe.section import Section
from afina.retention.contract import Learner, Outcome, Path

if TYPE_CHECKING:
    from torch import Tensor


class Config(Section):
    """Mix the base's weights with the tuned ones once training is over."""

    kind: Literal["wise-ft"] = "wise-ft"
    """The technique's name."""
    alpha: Literal["auto"] | Annotated[float, Field(ge=0.0, le=1.0)] = "auto"
    """Share of the tuned weights in the mix, 0 to 1; `auto` takes the best on validation rows."""
    num_points: Annotated[int, Field(ge=2, le=101)] = 11
    """Points of the curve, ends included."""


def build(config: Config) -> Mixture:
    """Return the retention that `config` describes."""
    return Mixture(None if config.alpha == "auto" else config.alpha, config.num_points)


@dataclass(frozen=True, slots=True)
class Mixture:
    """The mix of the weights before and after.

    Attributes:
        alpha: Share of the tuned weights, or None to choose it.
        num_points: Points of the curve.
    """

    alpha: float | None
    num_points: int
    walks: bool = True

    def prepare(self, model: Learner, new: frozenset[str]) -> None:
        """Do nothing: the way is remembered by whoever walks it."""

    def penalty(self, model: Learner) -> Tensor | None:
        """Return None."""
        return None

    def finish(self, path: Path) -> Outcome:
        """Score the whole way, and leave the model at the chosen point."""
        curve = {}
        for point in range(self.num_points):
            alpha = point / (self.num_points - 1)
            path.move(alpha)
            curve[alpha] = path.score()
        best = max(curve, key=lambda alpha: (curve[alpha], -alpha))
        chosen = best if self.alpha is None else self.alpha
        path.move(chosen)
        return Outcome(chosen, curve)
