"""No protection: what is trained is what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from afina.recipe.section import Section
from afina.retention.contract import Learner, Outcome, Path

if TYPE_CHECKING:
    from torch import Tensor


class Config(Section):
    """Keep what is trained."""

    kind: Literal["none"] = "none"
    """The technique's name."""


def build(config: Config) -> Unprotected:
    """Return the retention that `config` describes."""
    return Unprotected()


@dataclass(frozen=True, slots=True)
class Unprotected:
    """Remembers nothing and changes nothing."""

    walks: bool = False

    def prepare(self, model: Learner, new: frozenset[str]) -> None:
        """Do nothing."""

    def penalty(self, model: Learner) -> Tensor | None:
        """Return None."""
        return None

    def finish(self, path: Path) -> Outcome:
        """Keep what was trained."""
        return Outcome()
