"""What `afina compare` says: how far it is while it goes on, and the table at its end."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from afina.base.messages import say
from afina.cli import output
from afina.evaluation import box
from afina.metrics import wording
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.watching import Moment

LINE_EVERY_S = 15.0
"""Seconds between two lines about the same run where there is no terminal."""

_NARROW = 110


class Telling:
    """Tells on stderr which run of how many goes on, and when everything will be done."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._spoke = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def opened(self, folder: Path) -> None:
        """Say where everything will lie."""
        output.log(say("Comparison: {path}", path=folder))

    def begins(self, moment: Moment) -> None:
        """Say which run begins, of how many, and how long the rest will take."""
        self.close()
        self._spoke = time.monotonic()
        task = moment.task
        output.log(f"[{task.number}/{task.count}] {task.label}" + remaining(moment))
        if output.console().is_terminal and not output.settings.quiet:
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[text]}", markup=False),
                TimeElapsedColumn(),
            )
            self._bar = Progress(*columns, console=output.console(), transient=True)
            self._task = self._bar.add_task(say("loading"), total=None, text="")
            self._bar.start()

    def stage(self, sentence: str) -> None:
        """Show what begins."""
        if self._bar is not None:
            self._bar.update(self._task, description=sentence, total=None, text="")
        else:
            output.detail(f"{sentence}...")

    def moves(self, moment: Moment) -> None:
        """Show how far the run is."""
        steps = say("step {step}/{num_steps}", step=moment.step, num_steps=moment.num_steps)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=say("training"),
                completed=moment.step,
                total=moment.num_steps,
                text=steps + remaining(moment),
            )
        elif time.monotonic() - self._spoke >= LINE_EVERY_S:
            self._spoke = time.monotonic()
            output.log(f"  {steps}{remaining(moment)}")

    def remark(self, sentence: str) -> None:
        """Say it where more detail is wanted: a comparison has many runs."""
        output.detail(sentence)

    def warning(self, sentence: str) -> None:
        """Say it, also where only results and errors are wanted."""
        output.log(sentence, level="warn")


def remaining(moment: Moment) -> str:
    """Return how long everything will still take, or nothing when that is not known."""
    if moment.remaining_s is None:
        return ""
    return say("; about {duration} until all is done", duration=box.duration(round(moment.remaining_s)))


def show(comparison: Comparison, results: Mapping[str, Any]) -> None:
    """Show the verdict and the table, and where the page is; one JSON document under `--json`."""
    if output.settings.json:
        output.print_json({"path": str(comparison.path), "page": str(comparison.page), **results})
        return
    verdict = results["verdict"]
    output.box(say("Verdict"), [verdict["sentence"], *verdict["remarks"]])
    heads, rows = table(results, is_narrow=_is_narrow())
    if rows:
        output.table(heads, rows, numbers=range(1, len(heads) - 1))
    for entry in results["entries"]:
        if entry["error"]:
            output.show(say("{entry}: no result. {reason}", entry=entry["label"], reason=entry["error"]["what"]))
    output.show(say("Page: {path}", path=comparison.page))
    output.log(say("The runs: afina runs ls --root {path}", path=comparison.runs))


def table(results: Mapping[str, Any], *, is_narrow: bool) -> tuple[list[str], list[list[str]]]:
    """Return heads and cells, one row per entry that has a result, the best first.

    Args:
        results: As `results.json` holds them.
        is_narrow: Leave out what a narrow screen has no room for.
    """
    metric = results["metric"]
    judged = [entry for entry in results["entries"] if entry["quality"]]
    has_forgetting = any(entry["forgetting"] for entry in judged)
    heads = [
        say("entry"),
        wording.title(metric) if metric else "",
        say("against the best"),
        *([say("forgot")] if has_forgetting else []),
        say("time"),
        say("memory"),
        *([] if is_narrow else [say("moves"), say("ships")]),
        "",
    ]
    return heads, [_line(metric, entry, has_forgetting, is_narrow) for entry in judged]


def _line(metric: str, entry: Mapping[str, Any], has_forgetting: bool, is_narrow: bool) -> list[str]:
    cost = entry["cost"] or {}
    lost = " ".join(wording.signed(one["metric"], one["difference"]) for one in entry["forgetting"])
    marks = {"winner": say("best"), "leader": say("not told apart from the best")}
    words = [marks.get(entry["outcome"], ""), say("on the front") if "train_s" in entry["fronts"] else ""]
    return [
        entry["label"],
        _with_interval(metric, entry["quality"]),
        "-" if entry["against_best"] is None else wording.signed(metric, entry["against_best"]["difference"]),
        *([lost] if has_forgetting else []),
        _or_dash(cost.get("train_s"), box.duration),
        _or_dash(cost.get("peak_memory_bytes"), box.size),
        *(
            []
            if is_narrow
            else [
                _or_dash(cost.get("num_trainable_parameters"), wording.count),
                _or_dash(cost.get("artefact_bytes"), box.size),
            ]
        ),
        ", ".join(word for word in words if word),
    ]


def _with_interval(metric: str, quality: Mapping[str, Any]) -> str:
    value = wording.value_text(metric, quality["value"])
    if quality["low"] is None or quality["high"] is None:
        return value
    low, high = (wording.value_text(metric, quality[end]).removesuffix("%") for end in ("low", "high"))
    return say("{value} ({low} to {high})", value=value, low=low, high=high)


def _or_dash(value: float | None, written: Any) -> str:
    return "-" if value is None else str(written(value if written is box.duration else round(value)))


def _is_narrow() -> bool:
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < _NARROW
