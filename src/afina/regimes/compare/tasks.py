"""The runs that a comparison is made of: in which order, under which names, with which recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afina.base.messages import say
from afina.recipe.resolved import Resolved
from afina.regimes.compare import schedule
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.request import Entry, Request
from afina.regimes.compare.schedule import Planned


@dataclass(frozen=True, slots=True)
class Run:
    """One run to carry.

    Attributes:
        entry: The entry it belongs to.
        seed: Its training seed.
        rate: Position among the learning rates that are tried; 0 is the technique's own rule.
    """

    entry: Entry
    seed: int
    rate: int = 0

    @property
    def name(self) -> str:
        """The name of its folder."""
        tried = f"-rate{self.rate + 1}" if self.rate else ""
        return f"{self.entry.name}-seed{self.seed}{tried}"

    @property
    def label(self) -> str:
        """What people call it."""
        return say("{entry}, seed {seed}", entry=self.entry.label, seed=self.seed)


@dataclass(frozen=True, slots=True)
class Plan:
    """What was measured and decided before the first run.

    Attributes:
        planned: What the runs of each entry take, by the entry's name; refused ones are absent.
        refused: Errors of the others, as `AfinaError.as_dict` gives them.
        factor: What of every entry's epochs the budget leaves, above 0 to 1.
        spent_s: Seconds that measuring took.
    """

    planned: Mapping[str, Planned]
    refused: Mapping[str, Mapping[str, object]]
    factor: float = 1.0
    spent_s: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Return the plan as plain values."""
        return {
            "planned": {name: planned.to_dict() for name, planned in self.planned.items()},
            "refused": dict(self.refused),
            "factor": self.factor,
            "spent_s": self.spent_s,
        }


def first_runs(request: Request, plan: Plan) -> list[Run]:
    """Return the runs of the first seed, one per learning rate that is tried, entry by entry."""
    return [
        Run(entry, request.seeds[0], rate)
        for entry in request.entries
        if entry.name in plan.planned
        for rate in range(request.terms.num_rates)
    ]


def further_runs(request: Request, plan: Plan, rates: Mapping[str, int]) -> list[Run]:
    """Return the runs of the other seeds, seed by seed, so that every entry meets the same moods of the machine.

    Args:
        request: The comparison.
        plan: What was planned.
        rates: Position of the learning rate that each entry keeps, by name.
    """
    return [
        Run(entry, seed, rates.get(entry.name, 0))
        for seed in request.seeds[1:]
        for entry in request.entries
        if entry.name in plan.planned
    ]


def num_runs(request: Request) -> int:
    """Return the runs of one entry."""
    return request.terms.num_seeds + request.terms.num_rates - 1


def recipe_of(run: Run, request: Request, plan: Plan, comparison: Comparison) -> Resolved:
    """Return the recipe of one run."""
    planned = plan.planned[run.entry.name]
    resolved = schedule.shortened(run.entry.resolved, planned, plan.factor)
    if run.rate:
        tried = schedule.rates(planned.learning_rate, request.terms.num_rates)
        why = say("one of {count} that the comparison tries on validation rows", count=len(tried))
        resolved = resolved.infer("training.learning_rate", tried[run.rate], why)
    number = request.seeds.index(run.seed) + 1
    why = say("seed {number} of {count} of the comparison", number=number, count=len(request.seeds))
    resolved = resolved.infer("seed", run.seed, why)
    where = str(comparison.run(run.name).path.absolute())
    return resolved.infer("output", where, say("a run of the comparison"))


def changed_files(plans: Sequence[Planned], sha256: Mapping[Path, str]) -> list[str]:
    """Return the data files whose bytes are no longer those that were planned with.

    Args:
        plans: What was planned.
        sha256: What they are now, by path; files that are not on this disk are absent.
    """
    before = {Path(name): digest for planned in plans for name, digest in planned.fingerprints.items()}
    return sorted(str(path) for path, digest in sha256.items() if before.get(path, digest) != digest)
