"""What a comparison was asked for: its entries as whole recipes, the seeds, the budget. Written once, never changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from afina.base import device, environment
from afina.base.errors import Problem, RecipeError, UsageError
from afina.base.messages import say
from afina.recipe.problems import raise_all
from afina.recipe.resolved import Resolved
from afina.regimes.compare.axes import Axis, Cell, cells, check

MOST_SEEDS = 50
"""Seeds of a comparison at most."""

MOST_RATES = 7
"""Learning rates tried at most."""

LARGEST_SEED = 2**32 - 1
"""The last seed there is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant.

    Attributes:
        name: What its folders are called.
        label: What people call it.
        values: What it has that others have not, by dotted path.
        recipe: Its recipe, as `Resolved.dump` writes it.
    """

    name: str
    label: str
    values: Mapping[str, Any]
    recipe: str

    @property
    def resolved(self) -> Resolved:
        """The recipe."""
        return Resolved.load(self.recipe, f"{self.name}.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all entries alike.

    Attributes:
        num_seeds: Runs of each entry.
        budget_s: Seconds that all runs together may take; None for no limit.
        num_rates: Learning rates tried for each entry; 1 takes each technique's own rule.
    """

    num_seeds: int = 1
    budget_s: float | None = None
    num_rates: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A comparison as it was asked for.

    Attributes:
        entries: The contestants, in order.
        axes: What they differ in.
        terms: What holds for all alike.
        seeds: The training seeds.
        threads: Threads of every run, so that none is faster by chance.
        digest: Equal for equal requests.
        command: The command that asked.
    """

    entries: tuple[Entry, ...]
    axes: tuple[Axis, ...]
    terms: Terms
    seeds: tuple[int, ...]
    threads: int
    digest: str
    command: tuple[str, ...] = ("compare",)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain values."""
        return {"version": 1, **asdict(self)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Request:
        """Return the request that `to_dict` wrote.

        Raises:
            KeyError: If something is missing.
            TypeError: If something is there that does not belong.
        """
        return Request(
            entries=tuple(Entry(**entry) for entry in values["entries"]),
            axes=tuple(Axis(axis["path"], tuple(axis["values"])) for axis in values["axes"]),
            terms=Terms(**values["terms"]),
            seeds=tuple(values["seeds"]),
            threads=int(values["threads"]),
            digest=str(values["digest"]),
            command=tuple(values["command"]),
        )

    @property
    def labels(self) -> dict[str, str]:
        """What people call each entry, by name."""
        return {entry.name: entry.label for entry in self.entries}


def build(
    read: Callable[[Sequence[str]], Resolved], axes: Sequence[Axis], terms: Terms, command: Sequence[str] = ("compare",)
) -> Request:
    """Read every entry's recipe and see that they can be compared.

    Args:
        read: Reads the recipe with further overrides.
        axes: What the entries differ in.
        terms: What holds for all alike.
        command: The command that asked, for the record.

    Raises:
        UsageError: If axes or terms make no sense.
        RecipeError: With the problems of all entries' recipes.
    """
    check(axes)
    _check_terms(axes, terms)
    recipes = _recipes(read, cells(axes))
    first = recipes[0][1].recipe
    seed = first.seed
    if seed + terms.num_seeds - 1 > LARGEST_SEED:
        seed = 0
    split_seed = seed if first.data.split.seed is None else first.data.split.seed
    entries = []
    for cell, resolved in recipes:
        same = resolved.infer("data.split.seed", split_seed, say("all entries are judged on the same rows"))
        entries.append(Entry(cell.name, cell.label, cell.values, same.dump()))
    seeds = tuple(range(seed, seed + terms.num_seeds))
    digest = _digest([recipe.recipe.model_dump(mode="json") for _, recipe in recipes], seeds, terms)
    threads = environment.thread_request() or device.num_free_cores()
    return Request(
        entries=tuple(entries),
        axes=tuple(axes),
        terms=terms,
        seeds=seeds,
        threads=threads,
        digest=digest,
        command=tuple(command),
    )


def _recipes(read: Callable[[Sequence[str]], Resolved], wanted: Sequence[Cell]) -> list[tuple[Cell, Resolved]]:
    found: list[tuple[Cell, Resolved]] = []
    problems: dict[str, Problem] = {}
    for cell in wanted:
        try:
            found.append((cell, read(cell.overrides)))
        except RecipeError as error:
            problems.update({str(problem): problem for problem in error.problems or (error.problem,)})
    raise_all(list(problems.values()), "")
    seen: dict[str, Cell] = {}
    for cell, resolved in found:
        spelled = json.dumps(resolved.recipe.model_dump(mode="json"), sort_keys=True)
        if spelled in seen:
            raise UsageError(
                "E-COMPARE-004",
                say("{first} and {second} are the same recipe.", first=seen[spelled].label, second=cell.label),
                mend=say("Leave one of them out."),
            )
        seen[spelled] = cell
    return found


def _check_terms(axes: Sequence[Axis], terms: Terms) -> None:
    problems = []
    if not 1 <= terms.num_seeds <= MOST_SEEDS:
        problems.append(Problem(what=say("There must be 1 to {most} seeds.", most=MOST_SEEDS), where="--seeds"))
    if not 1 <= terms.num_rates <= MOST_RATES:
        problems.append(
            Problem(what=say("There must be 1 to {most} learning rates.", most=MOST_RATES), where="--search")
        )
    if terms.budget_s is not None and not terms.budget_s > 0:
        problems.append(Problem(what=say("A budget must be more than nothing."), where="--budget"))
    if terms.num_rates > 1 and any(axis.path == "training.learning_rate" for axis in axes):
        problems.append(
            Problem(what=say("The learning rate is an axis already, and cannot be searched as well."), where="--search")
        )
    if environment.is_launched():
        problems.append(
            Problem(
                what=say("A comparison starts its own processes and does not run under a launcher."),
                mend="afina compare recipe.yaml --tuning head,full",
            )
        )
    if problems:
        first = problems[0]
        raise UsageError("E-COMPARE-005", first.what, where=first.where, mend=first.mend, problems=tuple(problems[1:]))


def _digest(recipes: list[dict[str, Any]], seeds: tuple[int, ...], terms: Terms) -> str:
    document = json.dumps([recipes, seeds, asdict(terms)], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
