"""The results of a comparison: every entry's quality and cost, who won, and what the reader must know of it.

Layout of `results.json` (`null` where a part does not apply; shares are fractions in 0..1; METRIC as in
`afina/evaluation/contract.py`):

    {
      "version": 1, "name": "20260102-030405-reviews", "command": "afina compare ...",
      "axes": [{"path": "tuning", "values": ["head", "full"]}],
      "metric": METRIC, "higher_is_better": true, "n": 400, "seeds": [42, 43], "confidence": 0.95,
      "num_resamples": 2000, "threads": 2, "device": "cpu", "base": "builtin:minilm",
      "verdict": {"sentence": "...", "remarks": ["..."], "winner": "lora" | null, "best": "lora" | null,
                  "leaders": ["lora", "full"], "smallest_visible": 0.021},
      "base_score": 0.81 | null,                       # the base's probe on the same rows
      "entries": [{                                    # the ranked ones first, best first; then those without a result
        "name": "lora", "label": "lora", "values": {"tuning": "lora"},
        "error": null | {"code": "E-..", "what": "...", "run": "lora-seed42" | ""},
        "quality": null | {"value": .., "low": .., "high": ..},
        "by_seed": [..],
        "against_best": null | {"difference": .., "low": .., "high": .., "p_value": .., "adjusted": ..},
        "outcome": "winner" | "leader" | "worse" | "failed",
        "forgetting": [{"name": "old.csv", "metric": METRIC, "difference": .., "lowest": .., "highest": ..,
                        "is_worse": true}],            # mean over seeds, and the seeds between which it lies
        "cost": null | {"train_s": .., "peak_memory_bytes": .., "num_trainable_parameters": ..,
                        "num_parameters": .., "artefact_bytes": ..},      # means over seeds
        "fronts": ["train_s", ..],                     # costs by which it is on the front
        "learning_rate": 0.0003, "epochs": 3.0,
        "runs": [{"name": "lora-seed42", "seed": 42, "path": "runs/lora-seed42", "value": 0.91, "train_s": 12.0,
                  "filled_bytes": 0, "is_kept": true}]}],          # false: another learning rate was better
      "pairs": [{"first": "lora", "second": "full", "difference": .., "low": .., "high": .., "p_value": ..,
                 "adjusted": .., "is_told_apart": false}],
      "budget": null | {"asked_s": 600, "factor": 0.62, "planned_s": 540},
      "search": null | {"num_rates": 3, "tried": {"lora": [0.0003, 0.0001, 0.0009]}, "kept": {"lora": 0}}
    }
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from afina.base.errors import QualityError
from afina.base.messages import say
from afina.evaluation import ranking_words
from afina.evaluation.compare import Sampling
from afina.evaluation.front import front
from afina.evaluation.ranking import Ranking, rank
from afina.metrics.score import is_higher_better
from afina.recipe.resolved import Resolved
from afina.regimes.compare import answers, schedule, tasks
from afina.regimes.compare.answers import Answers
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.request import Entry, Request
from afina.regimes.compare.table_notes import notes
from afina.regimes.compare.tasks import Plan, Run
from afina.run.folder import RunFolder, evaluation_of

COSTS = ("train_s", "peak_memory_bytes", "num_trainable_parameters", "artefact_bytes")
"""What an entry costs, the one that the page draws first."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entered:
    """An entry with its runs, one per seed, and what became of them."""

    entry: Entry
    runs: list[Run]
    folders: list[RunFolder]
    error: Mapping[str, Any] | None
    evaluations: list[dict[str, Any]]


def build(comparison: Comparison, request: Request, plan: Plan, rates: Mapping[str, int]) -> dict[str, Any]:
    """Return the results, from the files of the runs.

    Args:
        comparison: The folder.
        request: What was asked for.
        plan: What was planned.
        rates: Position of the learning rate that each entry keeps.

    Raises:
        QualityError: If runs were judged on different rows, though they were planned with the same.
    """
    entered = [_entered(comparison, request, plan, entry, rates.get(entry.name, 0)) for entry in request.entries]
    judged = [one for one in entered if one.error is None]
    ranking = _ranking(judged) if judged else None
    order = {standing.name: place for place, standing in enumerate(ranking.standings)} if ranking else {}
    entered.sort(key=lambda one: order.get(one.entry.name, len(order)))
    rows = [_row(comparison, request, plan, one, ranking) for one in entered]
    _mark_fronts(rows, ranking)
    first = judged[0].evaluations[0] if judged else {}
    results = {
        "version": 1,
        "name": comparison.name,
        "command": shlex.join(["afina", *request.command]),
        "axes": [asdict(axis) for axis in request.axes],
        "metric": ranking.metric if ranking else None,
        "higher_is_better": is_higher_better(ranking.metric) if ranking else None,
        "n": ranking.n if ranking else None,
        "seeds": list(request.seeds),
        "confidence": ranking.confidence if ranking else None,
        "num_resamples": first.get("num_resamples"),
        "threads": request.threads,
        "device": (first.get("cost") or {}).get("device"),
        "base": request.entries[0].resolved.recipe.base.name,
        "base_score": ((first.get("scores") or {}).get("base") or {}).get("main", {}).get("value"),
        "entries": rows,
        "pairs": [asdict(pair) for pair in ranking.pairs] if ranking else [],
        "budget": _budget(request, plan),
        "search": _search(request, plan, rates),
    }
    return {**results, "verdict": _verdict(results, ranking, request)}


def _entered(comparison: Comparison, request: Request, plan: Plan, entry: Entry, rate: int) -> _Entered:
    runs = [Run(entry, seed, rate) for seed in request.seeds]
    folders = [comparison.run(run.name) for run in runs]
    error: Mapping[str, Any] | None = None
    if entry.name in plan.refused:
        error = {**plan.refused[entry.name], "run": ""}
    else:
        noted = comparison.notes()
        tried = [Run(entry, request.seeds[0], place) for place in range(request.terms.num_rates)]
        for run in [*tried, *runs]:
            if comparison.run(run.name).status != "finished":
                error = {**noted.get(run.name, {}).get("error", {"code": "", "what": say("not run")}), "run": run.name}
                break
    evaluations = [] if error else [evaluation_of(folder) for folder in folders]
    return _Entered(entry, runs, folders, error, evaluations)


def _ranking(judged: Sequence[_Entered]) -> Ranking:
    found = {one.entry.name: [answers.read(folder) for folder in one.folders] for one in judged}
    every = [answer for seeds in found.values() for answer in seeds]
    _refuse_other_rows(every, [folder.name for one in judged for folder in one.folders])
    evaluation = judged[0].entry.resolved.recipe.evaluation
    return rank(
        every[0].problem,
        every[0].references,
        {name: [answer.predictions for answer in seeds] for name, seeds in found.items()},
        num_classes=len(every[0].labels),
        sampling=Sampling(evaluation.confidence, evaluation.num_resamples),
    )


def _refuse_other_rows(every: Sequence[Answers], names: Sequence[str]) -> None:
    other = [name for name, answer in zip(names, every, strict=True) if not answer.are_of_the_same_rows(every[0])]
    if other:
        raise QualityError(
            "E-COMPARE-031",
            say(
                "Not all runs were judged on the same rows: {runs} differ from {first}.",
                runs=", ".join(other),
                first=names[0],
            ),
            mend=say("Data changed meanwhile. Begin a new comparison with another --output."),
        )


def _row(
    comparison: Comparison, request: Request, plan: Plan, one: _Entered, ranking: Ranking | None
) -> dict[str, Any]:
    name = one.entry.name
    row = {
        "name": name,
        "label": one.entry.label,
        "values": dict(one.entry.values),
        "error": None if one.error is None else dict(one.error),
        "quality": None,
        "by_seed": [],
        "against_best": None,
        "outcome": "failed",
        "forgetting": _forgetting(one.evaluations),
        "cost": _cost(one.evaluations),
        "fronts": [],
        **_trained(one.folders[0]),
        "runs": list(_runs(comparison, request, plan, one)),
    }
    if one.error is not None or ranking is None:
        return row
    standing = next(standing for standing in ranking.standings if standing.name == name)
    against = next((pair for pair in ranking.against_best() if pair.second == name), None)
    outcome = "winner" if ranking.winner == name else "leader" if name in ranking.leaders else "worse"
    return {
        **row,
        "quality": {"value": standing.value, "low": standing.low, "high": standing.high},
        "by_seed": list(standing.by_seed),
        "against_best": None
        if against is None
        else {
            # Of this entry minus the best.
            "difference": 0.0 - against.difference,
            "low": None if against.high is None else 0.0 - against.high,
            "high": None if against.low is None else 0.0 - against.low,
            "p_value": against.p_value,
            "adjusted": against.adjusted,
        },
        "outcome": outcome,
    }


def _trained(folder: RunFolder) -> dict[str, Any]:
    if not folder.recipe.is_file():
        return {"learning_rate": None, "epochs": None}
    training = Resolved.load(folder.recipe.read_text(encoding="utf-8"), str(folder.recipe)).recipe.training
    values = {"learning_rate": training.learning_rate, "epochs": training.epochs}
    return {key: None if value == "auto" else value for key, value in values.items()}


def _cost(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    costs = [evaluation.get("cost") for evaluation in evaluations]
    known = [cost for cost in costs if cost]
    if not known or len(known) < len(costs):
        return None
    return {key: _mean(cost.get(key) for cost in known) for key in (*COSTS, "num_parameters")}


def _mean(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if any(value is None for value in known) else fmean(value for value in known if value is not None)


def _forgetting(evaluations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not evaluations:
        return []
    lost = []
    for place, first in enumerate(evaluations[0].get("forgetting", ())):
        by_seed = [evaluation["forgetting"][place] for evaluation in evaluations]
        differences = [one["difference"] for one in by_seed]
        lost.append(
            {
                "name": first["name"],
                "metric": first["metric"],
                "difference": fmean(differences),
                "lowest": min(differences),
                "highest": max(differences),
                "is_worse": 2 * sum(one["outcome"] == "worse" for one in by_seed) > len(by_seed),
            }
        )
    return lost


def _runs(comparison: Comparison, request: Request, plan: Plan, one: _Entered) -> Iterable[dict[str, Any]]:
    if one.entry.name not in plan.planned:
        return
    noted = comparison.notes()
    tried = [Run(one.entry, request.seeds[0], rate) for rate in range(request.terms.num_rates)]
    for run in {run.name: run for run in [*tried, *one.runs]}.values():
        folder = comparison.run(run.name)
        evaluation = evaluation_of(folder)
        score = folder.score()
        yield {
            "name": run.name,
            "seed": run.seed,
            "path": f"{comparison.runs.name}/{run.name}",
            "status": folder.status,
            "value": None if score is None else score[1],
            "train_s": (evaluation.get("cost") or {}).get("train_s"),
            "filled_bytes": noted.get(run.name, {}).get("filled_bytes", 0),
            "shared": noted.get(run.name, {}).get("shared", []),
            "is_kept": run in one.runs,
        }


def _mark_fronts(rows: list[dict[str, Any]], ranking: Ranking | None) -> None:
    if ranking is None:
        return
    sign = 1 if is_higher_better(ranking.metric) else -1
    quality = {standing.name: sign * standing.value for standing in ranking.standings}
    for key in COSTS:
        cost = {row["name"]: row["cost"][key] for row in rows if row["cost"] and row["cost"][key] is not None}
        on_front = front(quality, cost)
        for row in rows:
            if row["name"] in on_front:
                row["fronts"].append(key)


def _budget(request: Request, plan: Plan) -> dict[str, Any] | None:
    if request.terms.budget_s is None:
        return None
    runs = tasks.num_runs(request)
    planned_s = plan.spent_s + sum(runs * one.run_s(plan.factor) + one.fill_s for one in plan.planned.values())
    return {"asked_s": request.terms.budget_s, "factor": plan.factor, "planned_s": planned_s}


def _search(request: Request, plan: Plan, rates: Mapping[str, int]) -> dict[str, Any] | None:
    count = request.terms.num_rates
    if count == 1:
        return None
    tried = {name: schedule.rates(planned.learning_rate, count) for name, planned in plan.planned.items()}
    return {"num_rates": count, "tried": tried, "kept": {name: rates.get(name, 0) for name in tried}}


def _verdict(results: Mapping[str, Any], ranking: Ranking | None, request: Request) -> dict[str, Any]:
    if ranking is None:
        sentence = say("No entry has a result.")
        return {"sentence": sentence, "remarks": [], "winner": None, "best": None, "leaders": [], "smallest_visible": 0}
    return {
        "sentence": ranking_words.sentence(ranking, request.labels),
        "remarks": [*ranking_words.remarks(ranking, request.labels), *notes(results, request.labels)],
        "winner": ranking.winner,
        "best": ranking.best,
        "leaders": list(ranking.leaders),
        "smallest_visible": ranking.smallest_visible,
    }
