"""A comparison's folder: how it is made and found, and what lies in it. The files are the truth.

comparisons/<time>-<name>/
  comparison.json    what was asked for
  plan.json          what each entry will take, and what of it the budget leaves
  runs/<entry>-seed42/     ordinary runs
  failures.json      why an entry has no result
  results.json       the table, for programs; written last: with it the comparison is finished
  compare.html       the same for people
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from afina.base import durable
from afina.base.errors import RunError
from afina.base.messages import say
from afina.regimes.compare.request import Request
from afina.run.folder import RunFolder

ROOT = Path("comparisons")
"""Where comparisons are made when nobody says otherwise, from the working folder."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paths of everything a comparison leaves, and what can be read off them.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.absolute().name

    @property
    def request_file(self) -> Path:
        """What was asked for."""
        return self.path / "comparison.json"

    @property
    def plan_file(self) -> Path:
        """What each entry will take."""
        return self.path / "plan.json"

    @property
    def notes_file(self) -> Path:
        """What the runs' own files do not say of them."""
        return self.path / "notes.json"

    @property
    def results_file(self) -> Path:
        """The table, for programs."""
        return self.path / "results.json"

    @property
    def page(self) -> Path:
        """The table and its pictures, for people."""
        return self.path / "compare.html"

    @property
    def runs(self) -> Path:
        """The folder of runs."""
        return self.path / "runs"

    @property
    def is_finished(self) -> bool:
        """Whether its results are there."""
        return self.results_file.is_file()

    def run(self, name: str) -> RunFolder:
        """Return the folder of one of its runs."""
        return RunFolder(self.runs / name)

    def request(self) -> Request:
        """Return what was asked for.

        Raises:
            RunError: If this folder holds no comparison, or one of another version.
        """
        try:
            return Request.from_dict(json.loads(self.request_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                "E-COMPARE-020",
                say("{path} holds no comparison.", path=self.path),
                where=str(self.request_file),
                mend=say("See what there is in {root}, or begin one: afina compare RECIPE --tuning A,B", root=ROOT),
            ) from error

    def notes(self) -> dict[str, dict[str, Any]]:
        """Return what was noted by the run's name: `error` (a dict), `filled_bytes`, `shared` (keys)."""
        return _json(self.notes_file)

    def plan(self) -> dict[str, Any]:
        """Return what was planned, empty before it was."""
        return _json(self.plan_file)

    def results(self) -> dict[str, Any]:
        """Return the table, empty before it is finished."""
        return _json(self.results_file)

    def note(self, run: str, **facts: Any) -> None:
        """Write down facts of a run, durably; one that is None is forgotten."""
        notes = self.notes()
        known = {key: value for key, value in {**notes.get(run, {}), **facts}.items() if value is not None}
        durable.write_json(self.notes_file, {**notes, run: known})


def begin(request: Request, name: str, output: Path | None = None) -> Comparison:
    """Make the folder of a comparison, or return the one in which the same request was left unfinished.

    Args:
        request: What is asked for.
        name: What to call it.
        output: The folder itself, when the user names one.

    Raises:
        RunError: If `output` holds another comparison, or other files.
    """
    if output is not None:
        return _chosen(request, Comparison(output))
    for comparison in reversed(comparisons()):
        if not comparison.is_finished and comparison.request().digest == request.digest:
            return comparison
    now = datetime.now().astimezone()
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "comparison"
    return _write(request, Comparison(_free(f"{now:%Y%m%d-%H%M%S}-{plain}")))


def find(reference: str, root: Path = ROOT) -> Comparison:
    """Return the comparison that a path, a name in `root`, or `last` stands for.

    Raises:
        RunError: If there is none.
    """
    known = comparisons(root)
    if reference == "last" and known:
        return known[-1]
    for path in (Path(reference), root / reference):
        if Comparison(path).request_file.is_file():
            return Comparison(path)
    raise RunError(
        "E-COMPARE-020",
        say("{path} holds no comparison.", path=reference),
        where=reference,
        expected=", ".join(comparison.name for comparison in known[-6:]),
        mend=say("See what there is in {root}, or begin one: afina compare RECIPE --tuning A,B", root=root),
    )


def comparisons(root: Path = ROOT) -> list[Comparison]:
    """Return the comparisons in `root`, oldest first."""
    if not root.is_dir():
        return []
    found = [Comparison(path) for path in sorted(root.iterdir())]
    return [comparison for comparison in found if comparison.request_file.is_file()]


def _chosen(request: Request, comparison: Comparison) -> Comparison:
    if comparison.request_file.is_file():
        if comparison.request().digest != request.digest:
            raise RunError(
                "E-COMPARE-021",
                say("{path} holds another comparison.", path=comparison.path),
                where=str(comparison.path),
                mend=say(
                    "Go on with it: afina compare --resume {path}, or choose another folder.", path=comparison.path
                ),
            )
        return comparison
    if comparison.path.exists() and (not comparison.path.is_dir() or _is_used(comparison.path)):
        raise RunError(
            "E-COMPARE-022",
            say("{path} exists and is no comparison.", path=comparison.path),
            where=str(comparison.path),
            mend=say("Choose another folder with --output."),
        )
    durable.make_folder(comparison.path)
    return _write(request, comparison)


def _write(request: Request, comparison: Comparison) -> Comparison:
    durable.write_json(comparison.request_file, request.to_dict())
    return comparison


def _is_used(folder: Path) -> bool:
    return any(not entry.name.startswith(".") for entry in folder.iterdir())


def _free(name: str) -> Path:
    number = 1
    while True:
        try:
            return durable.make_folder(ROOT / (name if number == 1 else f"{name}-{number}"), exist_ok=False)
        except FileExistsError:
            number += 1


def _json(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
