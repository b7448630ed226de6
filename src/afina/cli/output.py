"""Where the command line speaks: data on stdout, everything else on stderr, one JSON document under `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO

from afina.base import environment
from afina.base.messages import say

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class Settings:
    """What the options that every verb takes have chosen.

    Attributes:
        json: One JSON document on stdout instead of text.
        quiet: No progress and no remarks, results and errors alone.
        verbose: More than usual, tracebacks included.
        no_color: No colours; also when NO_COLOR is set.
        yes: Take yes for an answer instead of asking.
        has_document: Whether the JSON document was printed already.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    yes: bool = False
    has_document: bool = False


settings = Settings()
"""The choices of the command that is running."""


def reset() -> None:
    """Forget the choices of an earlier command in the same process."""
    for name, value in vars(Settings()).items():
        setattr(settings, name, value)


def print_json(document: Any) -> None:
    """Print the one JSON document of this command on stdout; a second one is a mistake of ours."""
    assert not settings.has_document, "a command prints one JSON document"
    settings.has_document = True
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str), flush=True)


def show(text: str) -> None:
    """Print a line of the result on stdout; nothing under `--json`."""
    if not settings.json:
        print(text, flush=True)


def log(text: str, *, level: Literal["info", "warn", "error"] = "info") -> None:
    """Print a remark on stderr; `--quiet` hides those that are mere information."""
    if level != "info" or not settings.quiet:
        colour = {"info": None, "warn": "33", "error": "31"}[level]
        print(_coloured(text, colour, sys.stderr), file=sys.stderr, flush=True)


def detail(text: str) -> None:
    """Print a remark on stderr that only `--verbose` shows."""
    if settings.verbose:
        print(text, file=sys.stderr, flush=True)


def console() -> Console:
    """Return rich's console on stderr, for progress; it writes plain text when stderr is no terminal."""
    from rich.console import Console

    return Console(stderr=True, quiet=settings.quiet, no_color=refuses_color() or None, highlight=False)


def refuses_color() -> bool:
    """Return whether colours are unwanted, by `--no-color` or NO_COLOR."""
    return settings.no_color or environment.no_color()


def box(title: str, lines: Sequence[str]) -> None:
    """Show a short result under a title: framed on a terminal, plain lines elsewhere; nothing under `--json`."""
    if settings.json:
        return
    if not sys.stdout.isatty():
        show("\n".join([title, *(f"  {line}" for line in lines)]))
        return
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    panel = Panel(
        Text("\n".join(lines)), title=Text(title), title_align="left", box=ROUNDED, expand=False, padding=(0, 2)
    )
    Console(no_color=refuses_color() or None, highlight=False).print(panel)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()) -> None:
    """Show rows under heads in aligned columns; nothing under `--json`.

    Args:
        heads: One head per column.
        rows: The cells, as many per row as there are heads.
        numbers: Positions of the columns that are aligned to the right.
    """
    if settings.json:
        return
    cells = [[str(cell) for cell in row] for row in [heads, *rows]]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(heads))]
    for number, row in enumerate(cells):
        padded = [
            _padded(cell, width, column in numbers)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  ".join(padded).rstrip()
        show(_coloured(line, "1", sys.stdout) if number == 0 else line)


def confirm(question: str) -> bool:
    """Ask a question with yes or no: yes under `--yes`, no where nobody can answer."""
    if settings.yes:
        return True
    if settings.json or not sys.stdin.isatty():
        return False
    print(f"{question} [{say('y')}/{say('N')}] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "s", "sim"}


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded(text: str, width: int, to_the_right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if to_the_right else text + blank


def _coloured(text: str, colour: str | None, stream: TextIO) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and stream.isatty() and not refuses_color() else text
