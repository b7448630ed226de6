"""L2-SP: pull the weights towards where they started (Li, Grandvalet and Davoine 2018, arXiv:1802.01483, eq. 4).

The penalty is (alpha / 2) * |w - w0|^2 over the base's weights plus (beta / 2) * |v|^2 over fresh ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from afina.recipe.section import Section
from afina.retention.contract import Learner, Outcome, Path

if TYPE_CHECKING:
    from torch import Tensor


class Config(Section):
    """Pull what moves towards where it started."""

    kind: Literal["l2-sp"] = "l2-sp"
    """The technique's name."""
    alpha: Annotated[float, Field(ge=0.0)] = 0.1
    """Strength of the pull on the base's weights; the paper searches 0.001 to 1. Set the optimiser's weight decay to
    0 with it."""
    beta: Annotated[float, Field(ge=0.0)] = 0.01
    """Strength of the pull to zero on freshly drawn weights."""


def build(config: Config) -> StartingPoint:
    """Return the retention that `config` describes."""
    return StartingPoint(config.alpha, config.beta)


@dataclass(eq=False)
class StartingPoint:
    """The pull towards the starting point.

    Attributes:
        alpha: Strength on the base's weights, at least 0.
        beta: Strength on fresh weights, at least 0.
    """

    alpha: float
    beta: float
    walks: bool = False
    _start: dict[str, Tensor] = field(default_factory=dict)
    _new: frozenset[str] = frozenset()

    def prepare(self, model: Learner, new: frozenset[str]) -> None:
        """Remember the starting point of every weight that moves and is not new."""
        self._new = new
        self._start = {
            name: parameter.detach().clone()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and name not in new
        }

    def penalty(self, model: Learner) -> Tensor | None:
        """Return (alpha / 2) * |w - w0|^2 + (beta / 2) * |v|^2 as a scalar."""
        terms = []
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if name in self._start:
                terms.append(self.alpha / 2 * (parameter - self._start[name].to(parameter.device)).square().sum())
            elif name in self._new:
                terms.append(self.beta / 2 * parameter.square().sum())
        return sum(terms[1:], terms[0]) if terms else None

    def finish(self, path: Path) -> Outcome:
        """Keep what was trained."""
        return Outcome()
