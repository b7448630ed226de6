"""A run's folder: how it is made, found, and what its files say of the run. The files are the truth."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from afina.base import durable, lease
from afina.base.errors import RunError
from afina.base.messages import say
from afina.engine.checkpoint import FOLDER
from afina.metrics.score import is_higher_better

Status = Literal["new", "running", "interrupted", "finished", "failed"]
"""What a run is doing: made but never started, held by a living process, left off, or ended."""

ROOT = Path("runs")
"""Where runs are made when nobody says otherwise, from the working folder."""

_TIMED = re.compile(r"\d{8}-\d{6}-(.+)")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of everything a run leaves, and what can be read off them.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's own name, by which the run is called."""
        return self.path.absolute().name

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        """Versions, hardware, seed, data fingerprints."""
        return self.path / "environment.json"

    @property
    def data(self) -> Path:
        """Findings, counts, columns and splits of the data."""
        return self.path / "data.json"

    @property
    def events(self) -> Path:
        """What happened, one line each."""
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / FOLDER

    @property
    def model(self) -> Path:
        """The folder that is shipped."""
        return self.path / "model"

    @property
    def evaluation(self) -> Path:
        """The tuned model against its base."""
        return self.path / "evaluation.json"

    @property
    def predictions(self) -> Path:
        """Predictions on the test rows."""
        return self.path / "predictions.parquet"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self.path / "report.html"

    @property
    def status_file(self) -> Path:
        """What the run last said of itself."""
        return self.path / "status.json"

    @property
    def status(self) -> Status:
        """What the run is doing now; a run that says it is running and is held by nobody was interrupted."""
        # The lease first: who has let go of it has said its last word.
        if lease.holder(self.path) is not None:
            return "running"
        said = self.facts().get("status", "new")
        if said in ("finished", "failed"):
            return said  # type: ignore[no-any-return]
        has_begun = said != "new" or self.checkpoints.is_dir()
        return "interrupted" if has_begun else "new"

    @property
    def created(self) -> str:
        """When the folder was made: ISO 8601 with offset, or empty when unknown."""
        return str(self.facts().get("created", ""))

    @property
    def size_bytes(self) -> int:
        """Bytes of all files in it."""
        return sum(_size(file) for file in self.path.rglob("*"))

    @property
    def is_run(self) -> bool:
        """Whether this folder holds a run at all."""
        return self.status_file.is_file() or self.recipe.is_file()

    def facts(self) -> dict[str, Any]:
        """Return what the run last said of itself (`status`, `created` and whatever `say_status` was given)."""
        return _json(self.status_file)

    def say_status(self, status: Status, **facts: Any) -> None:
        """Write what the run is doing, durably.

        Args:
            status: The new status.
            facts: Further facts that JSON holds, such as the error that ended the run; earlier ones stay.
        """
        durable.write_json(self.status_file, {**self.facts(), **facts, "status": status})

    def score(self) -> tuple[str, float] | None:
        """Return the main metric's name and the tuned model's value on the test rows, or None before evaluation."""
        try:
            main = _json(self.evaluation)["scores"]["tuned"]["main"]
            return str(main["metric"]), float(main["value"])
        except (KeyError, TypeError, ValueError):
            return None


def environment_of(run: RunFolder) -> dict[str, Any]:
    """Return the run's surroundings as plain values, empty before it wrote them down."""
    return _json(run.environment)


def data_of(run: RunFolder) -> dict[str, Any]:
    """Return what the run says of its data as plain values, empty before it has read them."""
    return _json(run.data)


def evaluation_of(run: RunFolder) -> dict[str, Any]:
    """Return the run's evaluation as plain values, empty before it was evaluated."""
    return _json(run.evaluation)


def create(
    name: str, root: Path = ROOT, *, output: Path | None = None, files: Mapping[str, str] | None = None
) -> RunFolder:
    """Make the folder of a new run.

    Args:
        name: What to call it; what a file name should not hold becomes a hyphen.
        root: The folder of runs, in which `<YYYYmmdd-HHMMSS>-<name>` is made.
        output: The folder itself, when the user names one; it must not exist, or be empty.
        files: Texts by file name that it holds from the first, in the order in which they are written; until the last
            of them is there, a folder left by a kill is not a run, and its name is free.

    Raises:
        RunError: If `output` holds a run or other files.
        ResourceError: If the disk is full or read-only.
    """
    now = datetime.now().astimezone()
    run = RunFolder(_unique(root, f"{now:%Y%m%d-%H%M%S}-{_plain(name)}") if output is None else _chosen(output))
    for file, text in (files or {}).items():
        durable.write_text(run.path / file, text)
    run.say_status("new", created=now.isoformat())
    return run


def runs(root: Path = ROOT) -> list[RunFolder]:
    """Return the runs in `root`, oldest first."""
    if not root.is_dir():
        return []
    found = [RunFolder(path) for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted((run for run in found if run.is_run), key=lambda run: (_instant(run), run.name))


def find(reference: str, root: Path = ROOT) -> RunFolder:
    """Return the run that `reference` names.

    Args:
        reference: A name, a prefix of one (with or without its time) that only one run has, a path, `last` (the newest)
            or `best` (the best main score on its test rows, among runs scored by the newest score's metric).
        root: The folder of runs.

    Raises:
        RunError: If no run, or more than one, is meant; the message lists candidates, or the nearest names.
    """
    known = runs(root)
    exact = [run for run in known if run.name == reference]
    if exact:
        return exact[0]
    if reference in ("last", "best"):
        return _last(known, root) if reference == "last" else _best(known, root)
    path = RunFolder(Path(reference))
    if reference and path.is_run:
        return path
    candidates = [run for run in known if reference and any(name.startswith(reference) for name in _names(run))]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise _ambiguous(reference, candidates)
    raise _unknown(reference, known, root)


def _last(known: list[RunFolder], root: Path) -> RunFolder:
    if not known:
        raise _unknown("last", known, root)
    return known[-1]


def _best(known: list[RunFolder], root: Path) -> RunFolder:
    scored = [(run, *score) for run in known if (score := run.score()) is not None]
    if not scored:
        raise RunError(
            "E-FOLDER-003",
            say("No run in {root} has been evaluated yet.", root=root),
            where=str(root),
            mend=say("Evaluate one: afina eval last"),
        )
    metric = scored[-1][1]
    sign = 1 if is_higher_better(metric) else -1
    return max((entry for entry in scored if entry[1] == metric), key=lambda entry: sign * entry[2])[0]


def _ambiguous(reference: str, candidates: list[RunFolder]) -> RunError:
    return RunError(
        "E-FOLDER-004",
        say("{reference} may mean {num_runs} runs.", reference=repr(reference), num_runs=len(candidates)),
        expected=", ".join(run.name for run in candidates),
        mend=say("Write more of the name."),
    )


def _unknown(reference: str, known: list[RunFolder], root: Path) -> RunError:
    if not known:
        what = say("There are no runs in {root}.", root=root)
        return RunError("E-FOLDER-005", what, where=str(root), mend=say("Train one: afina train recipe.yaml"))
    by_name = {name: run.name for run in known for name in _names(run)}
    nearest = [by_name[name] for name in difflib.get_close_matches(reference, list(by_name), n=6, cutoff=0.4)]
    return RunError(
        "E-FOLDER-006",
        say("There is no run {reference} in {root}.", reference=repr(reference), root=root),
        where=str(root),
        expected=", ".join(dict.fromkeys(nearest)),
        mend=say("See what there is: afina runs ls"),
    )


def _names(run: RunFolder) -> Iterator[str]:
    yield run.name
    if match := _TIMED.fullmatch(run.name):
        yield match[1]


def _chosen(output: Path) -> Path:
    try:
        return durable.make_folder(output, exist_ok=False)
    except FileExistsError as error:
        if RunFolder(output).is_run:
            raise RunError(
                "E-FOLDER-001",
                say("{path} already holds a run.", path=output),
                where=str(output),
                mend=say("Go on with it: afina resume {path}, or choose another output folder.", path=output),
            ) from error
        if not output.is_dir() or any(not _is_ours(entry) for entry in output.iterdir()):
            raise RunError(
                "E-FOLDER-002",
                say("{path} exists and is not a run.", path=output),
                where=str(output),
                expected=say("a folder that is empty or does not exist"),
                mend=say("Choose another output folder, for example output=runs/other."),
            ) from error
        return output


def _is_ours(entry: Path) -> bool:
    # The environment is the first file that a run writes: alone it is what a run killed at birth left.
    return entry.name.startswith(".") or entry.name == "environment.json"


def _unique(root: Path, name: str) -> Path:
    # Two runs may start in the same second: making the folder decides, since exactly one process can.
    number = 1
    while True:
        try:
            return durable.make_folder(root / (name if number == 1 else f"{name}-{number}"), exist_ok=False)
        except FileExistsError:
            number += 1


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "run"


def _instant(run: RunFolder) -> float:
    try:
        return datetime.fromisoformat(run.created).timestamp()
    except ValueError:
        return run.path.stat().st_mtime


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:
        return 0  # It was removed while we counted: a run in progress replaces its checkpoints.


def _json(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
