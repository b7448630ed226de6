"""`afina.compare(base=..., data=..., axes={"tuning": ["head", "full"]})`: the same comparison from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afina.base.errors import UsageError
from afina.base.messages import say
from afina.recipe import reading
from afina.recipe.resolved import Resolved
from afina.recipe.section import Section
from afina.regimes.compare import conduct, folder, request
from afina.regimes.compare.axes import Axis
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.request import Terms
from afina.regimes.compare.watching import Plain, Silent
from afina.run.opened import Run


@dataclass(frozen=True)
class Compared:
    """A finished comparison.

    Attributes:
        folder: Its folder, which holds everything.
        results: The table, as `results.json` holds it.
    """

    folder: Comparison
    results: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The verdict, one sentence."""
        return str(self.results["verdict"]["sentence"])

    @property
    def winner(self) -> str | None:
        """Name of the entry that is shown to be best, or None."""
        winner = self.results["verdict"]["winner"]
        return None if winner is None else str(winner)

    @property
    def page(self) -> Path:
        """Path of the page, which any browser opens without a network."""
        return self.folder.page

    def runs(self, entry: str) -> list[Run]:
        """Return the runs of an entry, one per seed.

        Args:
            entry: Its name, as in `results`.

        Raises:
            KeyError: If there is no such entry.
        """
        rows = {row["name"]: row for row in self.results["entries"]}
        return [Run(self.folder.run(run["name"])) for run in rows[entry]["runs"] if run["is_kept"]]


def compare(
    *,
    axes: Mapping[str, Sequence[Any]] | None = None,
    seeds: int = 1,
    budget_s: float | None = None,
    search: int = 1,
    output: str | Path | None = None,
    show_progress: bool = True,
    **recipe: Any,
) -> Compared:
    """Train several recipes under equal conditions and say which is best, if any is.

    What was left unfinished by an earlier call with the same arguments is gone on with.

    Args:
        axes: Values by dotted path of the recipe; every combination is an entry. A list of tunings may also be given
            as `tuning=[...]`.
        seeds: Runs of each entry, each with another seed.
        budget_s: Seconds that everything may take; epochs are cut by one factor to fit.
        search: Learning rates tried for each entry, on validation rows; 1 takes each technique's rule.
        output: Folder of the comparison; None makes one in `comparisons`.
        show_progress: Print what begins on standard error.
        **recipe: The recipe's sections, as for `train`.

    Raises:
        AfinaError: Whatever is wrong, with what to do about it.
        KeyboardInterrupt: If it is interrupted; the same call goes on from there.

    Example:
        >>> import afina  # doctest: +SKIP
        >>> found = afina.compare(base="builtin:minilm", data="reviews.csv", tuning=["head", "full"])  # doctest: +SKIP
        >>> found.verdict  # doctest: +SKIP
    """
    chosen = {path: list(values) for path, values in (axes or {}).items()}
    if isinstance(recipe.get("tuning"), list | tuple):
        if "tuning" in chosen:
            raise UsageError("E-COMPARE-006", say("Tunings are given twice: as `tuning` and among `axes`."))
        chosen = {"tuning": list(recipe.pop("tuning")), **chosen}

    def read(overrides: Sequence[str]) -> Resolved:
        return reading.from_keywords(recipe, overrides)

    every = [Axis(path, tuple(_plain(value) for value in values)) for path, values in chosen.items()]
    terms = Terms(num_seeds=seeds, budget_s=budget_s, num_rates=search)
    asked = request.build(read, every, terms)
    train = asked.entries[0].resolved.recipe.data.train
    comparison = folder.begin(asked, Path(str(train)).stem, None if output is None else Path(output))
    results = conduct.carry(comparison, Plain() if show_progress else Silent())
    return Compared(comparison, results)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Section) else value
