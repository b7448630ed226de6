"""`afina init`: a commented recipe and a small sample set to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from afina.base import messages
from afina.base.durable import make_folder, write_bytes
from afina.base.errors import UsageError
from afina.base.messages import say
from afina.cli import output
from afina.recipe import starting

app = typer.Typer()


@app.command(help=say("Write a commented recipe and sample rows into a folder; never over files that exist."))
def init(
    folder: Annotated[Path, typer.Argument(help=say("Folder to fill; made if it does not exist."))] = Path(),
    recipe: Annotated[
        str, typer.Option(help=say("Which starter: reviews (Portuguese) or support (English)."))
    ] = "support",
) -> None:
    """Write a commented recipe and sample rows into a folder; never over files that exist."""
    files = starting.files(recipe, messages.language())
    existing = [str(folder / name) for name in files if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        existing = [str(folder)]
    if existing:
        raise UsageError(
            "E-INIT-001",
            say("These files exist already and are not written over: {names}.", names=", ".join(existing)),
            mend=say("Choose another folder, or move them away."),
        )
    make_folder(folder)
    for name, content in files.items():
        write_bytes(folder / name, content)
    _report(folder, list(files))


def _report(folder: Path, names: list[str]) -> None:
    rows = next(name for name in names if name.endswith(".csv") and "-test" not in name)
    steps = [] if folder == Path() else [f"cd {folder}"]
    steps += [f"afina data check {rows}", "afina train recipe.yaml"]
    if output.settings.json:
        output.print_json({"folder": str(folder), "files": names, "next": steps})
        return
    output.show(say("Written to {folder}: {names}", folder=str(folder), names=", ".join(names)))
    output.show(say("Next:"))
    for step in steps:
        output.show(f"  {step}")
