"""A comparison, as a sentence: measure every entry, carry its runs, judge them together, write the table and the page.

plan     = planned          each entry measured, refused ones noted, the budget shared out
runs     = carried          every run in a process of its own; what is there already is kept
results  = judged           all entries on the same test rows
folder   = written          results.json last: with it the comparison is finished
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from afina.base import durable
from afina.base.errors import (
    AfinaError,
    DataError,
    MissingExtraError,
    Problem,
    ResourceError,
    RunError,
    SourceError,
    UsageError,
)
from afina.base.lease import Lease
from afina.base.messages import language, say
from afina.data import source
from afina.regimes.compare import choice, schedule, table, tasks
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.launching import Worker
from afina.regimes.compare.request import Request
from afina.regimes.compare.schedule import Planned
from afina.regimes.compare.tasks import Plan, Run
from afina.regimes.compare.watching import Clock, Moment, Silent, Task, Watcher
from afina.reporting.comparison import write_comparison
from afina.run.folder import RunFolder
from afina.run.signals import Interrupted, Signals


def carry(comparison: Comparison, watcher: Watcher | None = None) -> dict[str, Any]:
    """Carry a comparison from where it stands to its end, and return its results; a finished one is left as it is.

    Args:
        comparison: Its folder.
        watcher: Who is told how far it is.

    Raises:
        RunError: If the data changed since it began, or another process carries it.
        UsageError: If the entries cannot be compared, or the budget does not suffice.
        Interrupted: If a signal asked for it; every finished run stays, the one that was going on is saved.
    """
    if comparison.is_finished:
        return comparison.results()
    watcher = watcher or Silent()
    request = comparison.request()
    watcher.opened(comparison.path)
    with Lease(comparison.path), Signals() as signals, Worker(request.threads, signals) as worker:
        signals.waits = True  # a signal must reach the run that is going on, and only then end this
        conductor = _Conductor(comparison, request, worker, watcher, signals)
        try:
            plan = conductor.planned()
        except (AfinaError, Interrupted):
            if not comparison.runs.exists():
                durable.remove_folder(comparison.path)  # nothing was begun, and nothing is left behind
            raise
        conductor.clock = _clock(request, plan)
        conductor.carried(tasks.first_runs(request, plan), plan)
        rates = _rates(comparison, request, plan)
        conductor.carried(tasks.further_runs(request, plan, rates), plan)
    watcher.stage(say("comparing the entries"))
    results = table.build(comparison, request, plan, rates)
    write_comparison(comparison.page, results, language())
    durable.write_json(comparison.results_file, results)
    return results


@dataclass
class _Conductor:
    """Hands one task after the other to the worker, and notes what became of it."""

    comparison: Comparison
    request: Request
    worker: Worker
    watcher: Watcher
    signals: Signals
    clock: Clock = field(default_factory=lambda: Clock({}))

    def planned(self) -> Plan:
        """Return the plan, measured now or by an earlier process."""
        known = self.comparison.plan()
        if known:
            planned = {name: Planned(**values) for name, values in known["planned"].items()}
            plan = Plan(planned, known["refused"], known["factor"], known["spent_s"])
            _refuse_changed(self.comparison, plan)
            return plan
        plan = self._measured()
        if not plan.planned:
            raise _none_left(self.request, plan)
        _refuse_other_rows(self.request, plan)
        if self.request.terms.num_rates > 1 and not all(one.has_validation for one in plan.planned.values()):
            raise UsageError(
                "E-COMPARE-012",
                say("Without validation rows no learning rate can be chosen."),
                where="--search",
                mend=say("Give data.split.validation a share above 0, or leave --search out."),
            )
        if self.request.terms.budget_s is not None:
            runs = tasks.num_runs(self.request)
            factor = schedule.cut(plan.planned, runs, self.request.terms.budget_s, plan.spent_s)
            plan = replace(plan, factor=factor)
        durable.write_json(self.comparison.plan_file, plan.to_dict())
        return plan

    def carried(self, runs: Sequence[Run], plan: Plan) -> None:
        """Carry runs to their end, those of an entry that has failed left out."""
        every = len(self.request.entries) - len(plan.refused)
        count = every * tasks.num_runs(self.request)
        offset = 0 if runs and runs[0].seed == self.request.seeds[0] else every * self.request.terms.num_rates
        for place, run in enumerate(runs):
            if self.comparison.run(run.name).status == "finished":
                _leave_no_checkpoints(self.comparison.run(run.name))
                self.clock.done(run.name, None)
            elif not self._has_failed(run):
                self._carry(run, plan, Task(offset + place + 1, count, run.label))

    def _measured(self) -> Plan:
        planned: dict[str, Planned] = {}
        refused: dict[str, Mapping[str, object]] = {}
        began = time.monotonic()
        for place, entry in enumerate(self.request.entries):
            label = say("measuring {entry}", entry=entry.label)
            self.watcher.begins(Moment(Task(place + 1, len(self.request.entries), label), 0, 0, None))
            events: list[dict[str, Any]] = []
            job = {"do": "plan", "recipe": entry.recipe, "folder": str(self.comparison.path)}
            code = self._do(job, events.append)
            for event in events:
                if event["event"] == "planned":
                    planned[entry.name] = Planned(**{key: event[key] for key in event if key != "event"})
            if entry.name not in planned:
                refused[entry.name] = _error(events, self.worker.reason(code))
                self.watcher.warning(_failed(entry.label, refused[entry.name]))
        return Plan(planned, refused, spent_s=time.monotonic() - began)

    def _carry(self, run: Run, plan: Plan, task: Task) -> None:
        began = time.monotonic()
        events: list[dict[str, Any]] = []

        def hear(event: dict[str, Any]) -> None:
            elapsed_s = time.monotonic() - began
            if event["event"] == "step":
                remaining_s = self.clock.remaining_s(run.name, elapsed_s)
                self.watcher.moves(Moment(task, event["step"], event["num_steps"], remaining_s))
            elif event["event"] in ("stage", "remark", "warning"):
                getattr(self.watcher, event["event"])(event["sentence"])
            elif event["event"] == "shared":
                self.comparison.note(run.name, shared=event["keys"], filled_bytes=event["filled_bytes"])
            else:
                events.append(event)

        self.watcher.begins(Moment(task, 0, 0, self.clock.remaining_s()))
        recipe = tasks.recipe_of(run, self.request, plan, self.comparison)
        folder = self.comparison.run(run.name)
        code = self._do({"do": "train", "recipe": recipe.dump(), "run": str(folder.path.absolute())}, hear)
        if folder.status != "finished":
            error = _error(events, self.worker.reason(code))
            self.comparison.note(run.name, error=error)
            self.watcher.warning(_failed(run.label, error))
        else:
            self.comparison.note(run.name, error=None)
            _leave_no_checkpoints(folder)
        self.clock.done(run.name, time.monotonic() - began)

    def _do(self, job: Mapping[str, Any], hear: Any) -> int:
        code = self.worker.carry({**job, "language": language(), "command": self.request.command}, hear)
        if self.signals.wish:
            raise Interrupted(self.signals.wish)
        return code

    def _has_failed(self, run: Run) -> bool:
        """Return whether an earlier run of the same entry failed: the entry is out, and no more time goes into it."""
        notes = self.comparison.notes()
        names = {
            Run(run.entry, seed, rate).name
            for seed in self.request.seeds
            for rate in range(self.request.terms.num_rates)
        }
        return any("error" in notes.get(name, {}) for name in names - {run.name})


def _leave_no_checkpoints(run: RunFolder) -> None:
    # They are for going on, which a finished run does not; of many runs they would fill the disk.
    if run.checkpoints.exists():
        durable.remove_folder(run.checkpoints)


def _clock(request: Request, plan: Plan) -> Clock:
    takes: dict[str, float] = {}
    begun: set[str] = set()
    for run in [*tasks.first_runs(request, plan), *tasks.further_runs(request, plan, {})]:
        planned = plan.planned[run.entry.name]
        # The first run of an entry computes the frozen part for all of them.
        takes[run.name] = planned.run_s(plan.factor) + (0.0 if run.entry.name in begun else planned.fill_s)
        begun.add(run.entry.name)
    return Clock(takes)


def _rates(comparison: Comparison, request: Request, plan: Plan) -> dict[str, int]:
    """Return the position of the learning rate that each entry keeps."""
    chosen = {}
    for entry in request.entries:
        tried = [Run(entry, request.seeds[0], rate) for rate in range(request.terms.num_rates)]
        found = [choice.validation(comparison.run(run.name)) for run in tried] if len(tried) > 1 else []
        chosen[entry.name] = choice.best(found) or 0
    return chosen


def _refuse_changed(comparison: Comparison, plan: Plan) -> None:
    files = {Path(name) for planned in plan.planned.values() for name in planned.fingerprints}
    now = {path: source.sha256(path) for path in files if path.is_file()}
    changed = tasks.changed_files(list(plan.planned.values()), now)
    if changed:
        raise RunError(
            "E-COMPARE-024",
            say("Data files changed since this comparison began: {files}.", files=", ".join(changed)),
            where=str(comparison.path),
            mend=say("Put the files back as they were, or begin a new one with another --output."),
        )


def _refuse_other_rows(request: Request, plan: Plan) -> None:
    if not schedule.same_rows(plan.planned.values()):
        raise UsageError(
            "E-COMPARE-013",
            say("The entries are not judged on the same rows, so nothing can be said of which is better."),
            where=", ".join(axis.path for axis in request.axes),
            mend=say("Give data.test a file of its own, and axes that leave rows and labels as they are."),
        )


def _none_left(request: Request, plan: Plan) -> AfinaError:
    """Return the error of a comparison none of whose entries can run: mostly the same one, met by all."""
    first: Mapping[str, Any] = plan.refused[request.entries[0].name]
    kinds = {kind.exit_code: kind for kind in (UsageError, DataError, ResourceError, MissingExtraError, SourceError)}
    problems = {
        str(error["what"]): Problem(what=_failed(request.labels[name], error))
        for name, error in plan.refused.items()
        if error["what"] != first["what"]
    }
    told = [Problem(**problem) for problem in first.get("problems", ())]
    return kinds.get(int(first["exit_code"]), AfinaError)(
        str(first["code"]),
        str(first["what"]),
        where=str(first.get("where", "")),
        expected=str(first.get("expected", "")),
        mend=str(first.get("mend", "")),
        problems=(*told, *problems.values()),
    )


def _error(events: Iterable[Mapping[str, Any]], otherwise: str) -> dict[str, Any]:
    for event in events:
        if event["event"] == "refused":
            return {**event["error"], "exit_code": event["exit_code"]}
    return {"code": "E-COMPARE-030", "what": otherwise, "exit_code": 1}


def _failed(label: str, error: Mapping[str, Any]) -> str:
    return say("{entry} has no result: {reason}", entry=label, reason=f"{error['code']} {error['what']}")
