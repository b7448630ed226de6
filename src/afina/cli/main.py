"""The `afina` command: finds the verb's file, imports that one alone, and is the one place where errors end.

A verb is a file `cli/<verb>.py` with `app`, a `typer.Typer`, or with a function of the verb's name. The options in
`global_options` are understood before the verb and after it.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from afina.base import environment
from afina.base.errors import AfinaError, MissingExtraError, UsageError
from afina.base.messages import say, set_language
from afina.cli import global_options, output
from afina.cli.verbs import Verbs

INTERRUPTED = 130
"""Exit code after Ctrl-C."""
BROKEN_PIPE = 141
"""Exit code when nobody reads the output any more, as of a process that SIGPIPE ended."""

BUSY = 0.5
"""Busy processes of other programs from which on threads of ours that wait must not spin."""

# Typer names its error for a parameter, not the one above it for any unusable command line, nor that one's own parent.
_CommandLineError: Any = typer.BadParameter.__mro__[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The command line without the program's name; None takes the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY:
        environment.wait_passively()
    output.reset()
    set_language(_asked_language(words))  # before any help text is made
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that lacks a character shows ? for it
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more; what is still buffered must not fail again at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    return code


def _run(words: list[str]) -> int:
    try:
        command = _command()
        # Not command.main(): it has an opinion on broken pipes and interrupts, and they end here.
        with command.make_context("afina", words) as context:
            result = command.invoke(context)
        return result if isinstance(result, int) else 0
    except typer.Exit as end:
        return int(end.exit_code)
    except AfinaError as error:
        return _refuse(error, words)
    except _CommandLineError as error:
        return _refuse_command_line(error, words)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "afina":
            return _confess(error, words)
        missing = MissingExtraError(
            "E-EXTRA-001",
            say("The Python package {module} is not installed.", module=error.name.split(".")[0]),
            mend='pip install "afina[train]"',
        )
        return _refuse(missing, words)
    except (KeyboardInterrupt, typer.Abort):
        output.log(say("Interrupted."), level="warn")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001  the boundary: what ends here is a mistake of ours, and is said so
        return _confess(error, words)


def _command() -> Any:
    app = typer.Typer(
        cls=Verbs,
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        help=say("Turns a generalist pre-trained model into a specialist on your data, and proves that it did."),
    )
    app.callback()(_no_verb)
    command = typer.main.get_command(app)
    return global_options.added(command)


def _no_verb() -> None:
    pass


def _refuse(error: AfinaError, words: list[str]) -> int:
    if _wants_json(words):
        output.print_json({"error": error.as_dict(), "exit_code": error.exit_code})
    else:
        output.log(str(error), level="error")
        if output.settings.verbose:
            output.log("".join(traceback.format_exception(error)))
    return error.exit_code


def _refuse_command_line(error: Any, words: list[str]) -> int:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # not a mistake: the help was asked for by saying nothing
        sys.stdout.write(f"{message}\n")
        return 0
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "afina"
    what = global_options.translated(message)
    return _refuse(UsageError("E-USAGE-001", what, mend=f"{path} --help"), words)


def _confess(error: Exception, words: list[str]) -> int:
    what = say("This is a mistake in Afina, not in what you did: {error}.", error=f"{type(error).__name__}: {error}")
    mend = say("Please report it with what the same command prints with --verbose.")
    ours = AfinaError("E-AFINA-001", what, mend=mend)
    ours.__cause__ = error
    return _refuse(ours, words)


def _wants_json(words: list[str]) -> bool:
    # The command line itself may be what could not be understood, so its words count as well.
    return (output.settings.json or "--json" in words) and not output.settings.has_document


def _asked_language(words: list[str]) -> str | None:
    for number, word in enumerate(words):
        if word == "--":
            break
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and number + 1 < len(words):
            return words[number + 1]
    return None
