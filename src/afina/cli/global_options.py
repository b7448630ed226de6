"""The options that every verb takes, wherever they stand on the line, and click's own words in the user's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from afina.base.about import __version__
from afina.base.messages import say
from afina.cli import output


def added(command: Any) -> Any:
    """Give `command`, and every command inside it, the global options and help in the user's language."""
    _add(command, _options())
    return command


def _add(command: Any, options: list[Any]) -> None:
    command.rich_markup_mode = None
    command.params = [param for param in command.params if param.name not in ("install_completion", "show_completion")]
    for param in command.params:
        if "--json" in param.opts:  # a verb that declares it itself hears it from either side of its name as well
            param.default = lambda: output.settings.json
            param.callback = _noted
    own = {name for param in command.params for name in param.opts}
    command.params += [param for param in options if not own & set(param.opts)]
    help_text = command.get_help
    command.get_help = lambda context: translated(help_text(context))
    for inner in getattr(command, "commands", {}).values():
        _add(inner, options)


def translated(text: str) -> str:
    """Return help or a message that Typer made, with its own words in the language in force."""
    words = {
        "Usage:": say("Usage:"),
        "Options:": say("Options:"),
        "Arguments:": say("Arguments:"),
        "Commands:": say("Commands:"),
        "Show this message and exit.": say("Show this message and exit."),
        "[required]": say("[required]"),
        "[default: ": say("[default: "),
        "No such option:": say("No such option:"),
        "No such command": say("No such command"),
        "Did you mean": say("Did you mean"),
        "Missing argument": say("Missing argument"),
        "Missing option": say("Missing option"),
        "Missing command.": say("Missing command."),
        "Invalid value for": say("Invalid value for"),
        "Got unexpected extra argument": say("Got unexpected extra argument"),
    }
    for theirs, ours in words.items():
        text = text.replace(theirs, ours)
    return text


def _noted(context: Any, param: Any, value: bool) -> bool:
    output.settings.json = output.settings.json or bool(value)
    return output.settings.json


def _lang(value: str | None) -> str | None:
    if value is not None and value[:2].lower() not in ("en", "pt"):
        raise typer.BadParameter(say("Afina speaks en and pt."))
    return value  # it is already in force: help texts needed it before this line was read


def _version(value: bool) -> None:
    if value:
        print(f"afina {__version__}")
        raise typer.Exit


def _sets(name: str) -> Callable[[bool], None]:
    def note(value: bool) -> None:
        if value:  # the option may stand on both sides of the verb; one that is absent changes nothing
            setattr(output.settings, name, True)

    return note


def _flag(*names: str, sets: str, text: str) -> Any:
    return typer.Option(*names, help=text, callback=_sets(sets), expose_value=False)


def _declared(
    json: Annotated[
        bool, _flag("--json", sets="json", text=say("Print one JSON document on stdout; remarks go to stderr."))
    ] = False,
    quiet: Annotated[bool, _flag("--quiet", "-q", sets="quiet", text=say("Results and errors alone."))] = False,
    verbose: Annotated[bool, _flag("--verbose", "-v", sets="verbose", text=say("More detail."))] = False,
    no_color: Annotated[bool, _flag("--no-color", sets="no_color", text=say("No colours (as NO_COLOR)."))] = False,
    yes: Annotated[bool, _flag("--yes", sets="yes", text=say("Take yes for an answer instead of asking."))] = False,
    lang: Annotated[
        str | None,
        typer.Option("--lang", help=say("Language: en or pt."), callback=_lang, expose_value=False, metavar="en|pt"),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help=say("Print the version."), callback=_version, expose_value=False, is_eager=True),
    ] = False,
) -> None: ...


def _options() -> list[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(_declared)
    return [param for param in typer.main.get_command(app).params if param.name != "help"]
