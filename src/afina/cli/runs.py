"""`afina runs`: list runs, show one, compare two, remove some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from afina.base import durable, lease
from afina.base.errors import RunError
from afina.base.messages import say
from afina.cli import output
from afina.run import folder, listing

app = typer.Typer(no_args_is_help=True, help=say("List, show, compare and remove runs."))
"""The verbs under `afina runs`."""

Reference = Annotated[str, typer.Argument(help=say("A name, a unique prefix, a path, last or best."))]
Root = Annotated[Path, typer.Option(help=say("The folder of runs."))]


@app.command(name="ls", help=say("List the runs, oldest first."))
def list_runs(root: Root = folder.ROOT) -> None:
    """List the runs in a folder, oldest first."""
    lines = [listing.summary(run) for run in folder.runs(root)]
    if output.settings.json:
        output.print_json({"root": str(root), "runs": lines})
    elif not lines:
        output.show(say("There are no runs in {root}.", root=root))
    else:
        heads = (say("run"), say("status"), say("tuning"), say("metric"), say("tuned"), say("base"), say("size"))
        output.table(heads, [_line(line) for line in lines], numbers=(4, 5, 6))


@app.command(help=say("Show one run: verdict, checkpoints, files."))
def show(run: Reference = "last", root: Root = folder.ROOT) -> None:
    """Show everything that the files of a run say of it."""
    shown = listing.details(folder.find(run, root))
    if output.settings.json:
        output.print_json(shown)
        return
    output.show(f"{shown['name']}  ({listing.status_word(shown['status'])}, {_size(shown['size_bytes'])})")
    if shown["verdict"]:
        output.show(shown["verdict"])
    if shown["pid"]:
        output.show(say("Held by process {pid} on {host}.", pid=shown["pid"], host=shown["host"]))
    steps = ", ".join(str(step) for step in shown["checkpoints"]) or say("none")
    output.show(say("Checkpoints: {steps}", steps=steps))
    output.table(("", ""), [(name, path) for name, path in shown["files"].items()])
    for key, value in listing.flat(shown["recipe"]).items():
        output.detail(f"{key} = {value}")


@app.command(help=say("Show where the recipes and the scores of two runs differ."))
def compare(first: Reference, second: Reference, root: Root = folder.ROOT) -> None:
    """Compare two runs: the recipe keys in which they differ, and every score."""
    runs = folder.find(first, root), folder.find(second, root)
    keys, scores = listing.compare(*runs)
    if output.settings.json:
        names = ("first", "second")
        document = {name: str(run.path) for name, run in zip(names, runs, strict=True)}
        output.print_json({**document, "recipe": _document(keys), "scores": _document(scores)})
        return
    output.table(("", runs[0].name, runs[1].name), [(name, _cell(a), _cell(b)) for name, a, b in [*keys, *scores]])
    if not keys:
        output.show(say("The recipes are the same."))


@app.command(help=say("Remove runs and all their files, after asking."))
def rm(
    runs: Annotated[list[str], typer.Argument(help=say("Names, unique prefixes or paths of runs."))],
    root: Root = folder.ROOT,
) -> None:
    """Remove runs; one that is held by a process is refused, and then none is removed."""
    found = list(dict.fromkeys(folder.find(run, root) for run in runs))
    for run in found:
        if (who := lease.holder(run.path)) is not None:
            raise lease.busy(run.path, who)
    names = ", ".join(str(run.path) for run in found)
    if not output.confirm(say("Remove {runs} for good?", runs=names)):
        raise RunError(
            "E-FOLDER-007",
            say("Nothing was removed."),
            where=names,
            mend=say("Say yes when asked, or give --yes."),
        )
    for run in found:
        durable.remove_folder(run.path)
    if output.settings.json:
        output.print_json({"removed": [str(run.path) for run in found]})
    else:
        output.show(say("Removed: {runs}", runs=names))


def _line(line: dict[str, Any]) -> tuple[str, ...]:
    parts = [line[key] for key in ("tuning", "metric", "score", "base_score")]
    status = listing.status_word(line["status"])
    return (line["name"], status, *(_cell(part) for part in parts), _size(line["size_bytes"]))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB"


def _document(rows: listing.Differences) -> dict[str, dict[str, Any]]:
    return {name: {"first": first, "second": second} for name, first, second in rows}
