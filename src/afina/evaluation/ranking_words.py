"""What a ranking shows, in sentences: who won, or that nobody did, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afina.base.messages import say
from afina.evaluation.contender import Interval
from afina.evaluation.ranking import Pair, Ranking
from afina.evaluation.verdict import interval_text
from afina.metrics import wording


def sentence(ranking: Ranking, names: Mapping[str, str]) -> str:
    """Return the verdict in the language in force.

    Args:
        ranking: The ranking.
        names: What each contestant is called.
    """
    if len(ranking.standings) == 1:
        return say("Only {name} could be judged: there is nothing to compare it with.", name=names[ranking.best])
    if ranking.winner is not None:
        closest = min(ranking.against_best(), key=lambda pair: abs(pair.difference))
        return say(
            "{winner} is best: {evidence}.",
            winner=names[ranking.winner],
            evidence=_evidence(ranking, closest, names[closest.second]),
        )
    return say(
        "No difference between {names} at n = {n} test rows and {seeds}: differences below {smallest} cannot be told "
        "from chance.",
        names=listed([names[name] for name in ranking.leaders]),
        n=wording.count(ranking.n),
        seeds=num_seeds(ranking.num_seeds),
        smallest=wording.difference_text(ranking.metric, ranking.smallest_visible).lstrip("+"),
    )


def remarks(ranking: Ranking, names: Mapping[str, str]) -> list[str]:
    """Return what the verdict leaves out and an honest reader must know."""
    lines = []
    worse = [pair for pair in ranking.against_best() if pair.is_told_apart]
    if worse and ranking.winner is None:
        lines.append(
            say(
                "Worse than {best}: {names}.",
                best=names[ranking.best],
                names=listed([f"{names[pair.second]} ({_size(ranking, -pair.difference)})" for pair in worse]),
            )
        )
    if ranking.num_seeds == 1:
        lines.append(say("One seed: what another seed would change is not counted. With --seeds 3 it is."))
    elif ranking.num_seeds == 2:
        lines.append(say("Two seeds say little of what a third would change, so intervals are wide."))
    return lines


def num_seeds(count: int) -> str:
    """Return a number of seeds in words."""
    return say("1 seed") if count == 1 else say("{count} seeds", count=count)


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return say("{some} and {last}", some=", ".join(names[:-1]), last=names[-1])


def _evidence(ranking: Ranking, closest: Pair, other: str) -> str:
    values = {standing.name: standing.value for standing in ranking.standings}
    told = {
        "metric": wording.title(ranking.metric),
        "best": wording.value_text(ranking.metric, values[closest.first]),
        "next": wording.value_text(ranking.metric, values[closest.second]),
        "other": other,
        "confidence": wording.localised(f"{100 * ranking.confidence:g}%"),
        "interval": interval_text(ranking.metric, Interval(low=closest.low, high=closest.high)),
        "p_value": wording.p_text(closest.adjusted),
        "n": wording.count(ranking.n),
        "seeds": num_seeds(ranking.num_seeds),
    }
    if len(ranking.pairs) == 1:
        return say(
            "{metric} {best} against {next} of {other} ({confidence} interval of the difference {interval}, {p_value}, "
            "n = {n} test rows, {seeds})",
            **told,
        )
    return say(
        "{metric} {best} against {next} of {other}, the next ({confidence} interval of the difference {interval}, "
        "{p_value} after correction for {pairs} pairs, n = {n} test rows, {seeds})",
        **told,
        pairs=len(ranking.pairs),
    )


def _size(ranking: Ranking, difference: float) -> str:
    return wording.difference_text(ranking.metric, difference)
