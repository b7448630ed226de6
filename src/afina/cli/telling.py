"""What `train` and `resume` say while a run goes on: where it is, what moves, what was inferred, what to mind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from afina.base.messages import say
from afina.cli import output
from afina.metrics import wording
from afina.run import listing
from afina.run.folder import RunFolder, data_of

if TYPE_CHECKING:
    from afina.run.prepared import Prepared

_MOST_NAMES = 4


class Telling:
    """Prints what it hears on stderr, with a spinner and a clock behind a terminal's last line.

    Attributes:
        folder: The run's folder, once it has one.
    """

    def __init__(self) -> None:
        self.folder: RunFolder | None = None
        self._spinner: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def opened(self, folder: RunFolder) -> None:
        """Say where everything will lie."""
        self.folder = folder
        output.log(say("Run: {path}", path=folder.path))

    def stage(self, sentence: str) -> None:
        """Say what begins, and on a terminal for how long it has lasted."""
        self.close()
        console = output.console()
        if not console.is_terminal:
            output.log(f"{sentence}...")
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._spinner = Progress(*columns, console=console, transient=True)
        self._spinner.add_task(f"{sentence}...", total=None)
        self._spinner.start()

    def began(self, prepared: Prepared) -> None:
        """Say what the run works with, before its first step."""
        self.close()
        for line in [*_data(self.folder), *_base(prepared), *moves(prepared), *_inferred(prepared)]:
            output.log(line)
        for note in prepared.forward.notes:
            output.log(note)

    def remark(self, sentence: str) -> None:
        """Say it."""
        self.close()
        output.log(sentence)

    def warning(self, sentence: str) -> None:
        """Say it, also where only results and errors are wanted."""
        self.close()
        output.log(sentence, level="warn")


class Paced:
    """Says how far something without a bar is, every few seconds.

    Args:
        every_s: Seconds between two lines.
    """

    def __init__(self, every_s: float = 5.0) -> None:
        self._every_s = every_s
        self._last = time.monotonic()

    def __call__(self, count: int) -> None:
        """Say the number of rows done, if it is time to."""
        now = time.monotonic()
        if now - self._last >= self._every_s:
            self._last = now
            output.log(say("{count} rows answered...", count=count))


def moves(prepared: Prepared) -> Iterator[str]:
    """Yield what moves: how many parameters, their share, and which at what learning rate."""
    report, training = prepared.report, prepared.resolved.recipe.training
    share = 100 * report.num_trainable / max(1, report.num_total)
    yield say(
        "Moves: {moved} of {all} parameters ({share} %), by {kind}.",
        moved=wording.count(report.num_trainable),
        all=wording.count(report.num_total),
        share=wording.number(share, 1),
        kind=report.kind,
    )
    sizes = {name: parameter.numel() for name, parameter in prepared.model.named_parameters()}
    rates: dict[float, dict[str, int]] = {}
    for group in report.groups:
        at_rate = rates.setdefault(group.learning_rate_scale, {})
        at_rate[group.name] = at_rate.get(group.name, 0) + sum(sizes.get(name, 0) for name in group.names)
    for scale, parts in rates.items():
        yield say(
            "  learning rate {rate:.2g}: {parts} ({count})",
            rate=float(training.learning_rate) * scale,
            parts=_some(list(parts)),
            count=wording.count(sum(parts.values())),
        )
    for stage in report.stages if len(report.stages) > 1 else ():
        yield say("  stage {name}: {count} tensors move", name=stage.name, count=len(stage.names))


def findings(data: dict[str, Any]) -> Iterator[str]:
    """Yield one line per finding in a run's `data.json` that is more than a remark."""
    for finding in data.get("findings", []):
        if finding["level"] != "info":
            yield say("  {what} ({count} rows)", what=finding["what"], count=finding["count"])


def _data(folder: RunFolder | None) -> Iterator[str]:
    data = {} if folder is None else data_of(folder)
    if not data:
        return
    splits = data["splits"]
    yield say(
        "Data: {train} training, {validation} validation and {test} test rows; {refused} refused. {rule}",
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        refused=data["counts"]["refused"],
        rule=splits["rule"],
    )
    found = list(findings(data))
    yield from found
    if found:
        yield say("  Which rows, and how to mend them: afina data check {path}", path=next(iter(data["fingerprint"])))


def _base(prepared: Prepared) -> Iterator[str]:
    origin = prepared.gathered.source.origin
    yield say("Base: {name}.", name=origin.name) + "".join(f" {fact}" for fact in origin.facts)


def _inferred(prepared: Prepared) -> Iterator[str]:
    values = listing.flat(prepared.resolved.recipe.model_dump(mode="json"))
    lines = [
        say("  {key}: {value} ({why})", key=path, value=values.get(path), why=origin.why)
        for path, origin in prepared.resolved.origins.items()
        if origin.kind == "inferred" and values.get(path) is not None
    ]
    if lines:
        yield say("Inferred:")
        yield from lines


def _some(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return say("{first} to {last}", first=names[0], last=names[-1])
