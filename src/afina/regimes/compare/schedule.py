"""How long every entry may train and at which learning rates: decided once, from what was measured, for all alike.

The budget cuts the epochs of all entries by one factor, so that no technique is favoured; a factor that would leave an
entry less than one pass over its rows is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from afina.base.errors import UsageError
from afina.base.messages import say
from afina.recipe.resolved import Resolved

RATE_STEP = 3.0
"""Factor between two neighbours of the learning rates that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What one entry's runs will take, each.

    Attributes:
        num_steps: Optimiser steps of a run at full length.
        steps_per_epoch: Optimiser steps of one pass.
        learning_rate: What the technique's rule says, or the recipe.
        training_s: Seconds of training at full length; None when nothing could be timed.
        other_s: Seconds of everything else: loading, judging, saving.
        fill_s: Seconds of computing the frozen part, which the entry's first run does for all its runs.
        num_test: Test rows.
        test_rows: Digest of the test rows and of what is asked of them.
        has_validation: Whether there are rows to choose by.
        fingerprints: SHA-256 of every data file, by path.
    """

    num_steps: int
    steps_per_epoch: int
    learning_rate: float
    training_s: float | None
    other_s: float
    num_test: int
    test_rows: str
    has_validation: bool
    fingerprints: Mapping[str, str]
    fill_s: float = 0.0

    @property
    def epochs(self) -> float:
        """Passes over the rows at full length."""
        return self.num_steps / self.steps_per_epoch

    @property
    def smallest_factor(self) -> float:
        """Factor that leaves one epoch; 1 for a run that is no longer than that."""
        return min(1.0, 1.0 / self.epochs)

    def run_s(self, factor: float = 1.0) -> float:
        """Return the seconds of one run cut by `factor`, `fill_s` apart; 0 for the part that could not be timed."""
        return (self.training_s or 0.0) * factor + self.other_s

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return asdict(self)


def middle(low: float, high: float) -> float:
    """Return the middle of a range whose ends are factors apart."""
    return math.sqrt(max(low, 0.0) * high)


def rates(rule: float, count: int) -> list[float]:
    """Return the learning rates to try, the rule's own first, then its neighbours by distance, the lower one first.

    Args:
        rule: The technique's own, or the recipe's.
        count: How many, >= 1.
    """
    exponents = sorted(range(-(count // 2), (count + 1) // 2), key=lambda exponent: (abs(exponent), exponent))
    return [float(f"{rule * RATE_STEP**exponent:.6g}") for exponent in exponents]


def cut(plans: Mapping[str, Planned], num_runs: int, budget_s: float, spent_s: float = 0.0) -> float:
    """Return the one factor, at most 1, by which all entries' epochs are cut so that their runs fit into the budget.

    Args:
        plans: The entries that can run.
        num_runs: Runs of each.
        budget_s: Seconds for everything.
        spent_s: Seconds that planning took.

    Raises:
        UsageError: If the budget does not suffice for one epoch of each; the least one that does is named.
    """
    if any(plan.training_s is None for plan in plans.values()):
        raise UsageError(
            "E-COMPARE-011",
            say("No step of an entry could be timed, so no budget can be kept."),
            where="--budget",
            mend=say("Leave the budget out, or give fewer epochs: training.epochs=1"),
        )
    training = num_runs * sum(plan.training_s or 0.0 for plan in plans.values())
    fixed = spent_s + sum(num_runs * plan.other_s + plan.fill_s for plan in plans.values())
    smallest = max((plan.smallest_factor for plan in plans.values()), default=1.0)
    factor = 1.0 if fixed + training <= budget_s else (budget_s - fixed) / training
    if factor < smallest * (1 - 1e-9):
        least = fixed + smallest * training
        raise UsageError(
            "E-COMPARE-010",
            say(
                "A budget of {budget} does not suffice: one epoch of each entry, and judging it, take about {least}.",
                budget=seconds_text(budget_s),
                least=seconds_text(least),
            ),
            where="--budget",
            mend=f"--budget {math.ceil(1.05 * least / 60)}m",
        )
    return factor


def shortened(resolved: Resolved, plan: Planned, factor: float) -> Resolved:
    """Return a recipe cut by the budget's factor; the whole one where that is 1."""
    if factor >= 1:
        return resolved
    why = say("the comparison's budget leaves {share} of it to every entry", share=f"{factor:.3g}")
    resolved = resolved.infer("training.epochs", float(f"{plan.epochs * factor:.6g}"), why)
    if resolved.recipe.training.max_steps is not None:
        resolved = resolved.infer("training.max_steps", max(1, round(plan.num_steps * factor)), why)
    return resolved


def same_rows(plans: Iterable[Planned]) -> bool:
    """Return whether all entries are judged on the same rows, asked the same of them."""
    return len({plan.test_rows for plan in plans}) <= 1


def seconds_text(seconds: float) -> str:
    """Return a span as a budget is spelled: `90s`, `10m`, `2.5h`."""
    if seconds < 120:
        return f"{math.ceil(seconds)}s"
    return f"{math.ceil(seconds / 60)}m" if seconds < 7200 else f"{seconds / 3600:.1f}h"
