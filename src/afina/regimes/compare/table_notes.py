"""What else a reader of the table must know: the cheapest among equals, what the budget cut, who paid for all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from afina.base.messages import say
from afina.evaluation import box
from afina.evaluation.ranking_words import listed
from afina.metrics import wording


def notes(results: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """Return the sentences that belong under the verdict.

    Args:
        results: What the table holds, without the verdict.
        labels: What people call each entry.
    """
    return [
        *_cheapest(results, labels),
        *_budget(results),
        *_search(results, labels),
        *_shared(results, labels),
        *_failed(results, labels),
    ]


def _cheapest(results: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    leaders = [row for row in results["entries"] if row["outcome"] == "leader" and row["cost"]]
    if len(leaders) < 2:
        return
    quickest = min(leaders, key=lambda row: row["cost"]["train_s"])
    smallest = min(leaders, key=lambda row: row["cost"]["artefact_bytes"] or 0)
    yield say(
        "Of those that were not told apart, {quickest} trains fastest ({duration}) and {smallest} ships least "
        "({size}).",
        quickest=labels[quickest["name"]],
        duration=box.duration(quickest["cost"]["train_s"]),
        smallest=labels[smallest["name"]],
        size=box.size(round(smallest["cost"]["artefact_bytes"] or 0)),
    )


def _budget(results: Mapping[str, Any]) -> Iterator[str]:
    budget = results["budget"]
    if budget is None:
        return
    asked = box.duration(budget["asked_s"])
    if budget["factor"] >= 1:
        yield say("The budget of {budget} suffices for every entry's whole training.", budget=asked)
    else:
        yield say(
            "The budget of {budget} leaves {share} of its training to every entry; with more, the order may change.",
            budget=asked,
            share=wording.localised(f"{100 * budget['factor']:.0f}%"),
        )


def _search(results: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    search = results["search"]
    if search is None:
        return
    moved = [labels[name] for name, kept in search["kept"].items() if kept]
    yield say(
        "Learning rates: {count} around each technique's own rule, a factor of 3 apart, chosen on validation rows with "
        "the first seed.",
        count=search["num_rates"],
    ) + (" " + say("Another than the rule's was better for {names}.", names=listed(moved)) if moved else "")


def _shared(results: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    runs = [(row, run) for row in results["entries"] for run in row["runs"]]
    filled = [
        f"{labels[row['name']]} ({say('seed {seed}', seed=run['seed'])})" for row, run in runs if run["filled_bytes"]
    ]
    readers = list(dict.fromkeys(labels[row["name"]] for row, run in runs if run["shared"] and not run["filled_bytes"]))
    if filled:
        yield say(
            "The frozen part was computed once: the training time of {names} holds that, and later runs read it.",
            names=listed(filled),
        )
    elif readers:
        yield say(
            "The frozen part was kept from earlier runs, and computing it is in no time here: {names}.",
            names=listed(readers),
        )


def _failed(results: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    failed = [labels[row["name"]] for row in results["entries"] if row["error"]]
    if failed:
        yield say("Without a result: {names}.", names=listed(failed))
