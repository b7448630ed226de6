"""The verbs by name: help lists them without importing any, and a verb's file is imported when it is used."""

from __future__ import annotations

import difflib
import importlib
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup

from afina.base.messages import say
from afina.cli import global_options


def verbs() -> dict[str, str]:
    """Return every verb with its one line of help, in the order in which a newcomer meets them."""
    return {
        "doctor": say("Say what this machine offers and what fits here."),
        "init": say("Start a project: a commented recipe and sample rows."),
        "data": say("Check, fix or preview the rows you want to learn from."),
        "train": say("Fine-tune as a recipe says, and compare with the base."),
        "compare": say("Train several techniques under equal conditions, and say which is best."),
        "resume": say("Go on with a run that was interrupted."),
        "eval": say("Evaluate a run again."),
        "predict": say("Answer new rows with a run's model."),
        "merge": say("Fold an adapter, or several, into its base: a plain model comes out."),
        "runs": say("List, show, compare or remove runs."),
        "stop": say("Ask a run to save and stop."),
        "cache": say("List or remove what was computed once and is kept."),
        "recipe": say("Explain or validate a recipe, or print its schema."),
        "loop": say("Print the training loop and what listens to it."),
    }


class Verbs(TyperGroup):
    """The top of the command tree; `commands` stays empty, so nothing is imported before it is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs' names."""
        return list(verbs())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return one verb."""
        return load(cmd_name) if cmd_name in verbs() else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or say which one is near."""
        name = args[0]
        if name not in verbs() and not name.startswith("-"):
            near = difflib.get_close_matches(name, list(verbs()), n=1)
            hint = " " + say("Did you mean {name}?", name=near[0]) if near else ""
            error: Any = typer.BadParameter.__base__  # typer publishes no name for its usage error
            raise error(say("There is no verb {name}.", name=repr(name)) + hint, ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs from their one line each."""
        with formatter.section(say("Commands")):
            formatter.write_dl(list(verbs().items()))


def load(name: str) -> Any:
    """Import the verb's file and return its command, with the global options."""
    module = importlib.import_module(f"afina.cli.{name}")
    command = typer.main.get_command(_app(module, name))
    command.name = name
    return global_options.added(command)


def _app(module: ModuleType, name: str) -> typer.Typer:
    app = getattr(module, "app", None)
    if isinstance(app, typer.Typer):
        return app
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name=name)(getattr(module, name))
    return alone
