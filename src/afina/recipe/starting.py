"""The starters: small, complete projects that `afina init` copies. Each is a folder under `starters/`."""

from __future__ import annotations

import difflib
from pathlib import Path

from afina.base.errors import UsageError
from afina.base.messages import say

_STARTERS = Path(__file__).parent / "starters"


def names() -> list[str]:
    """Return the starters that exist."""
    return sorted(
        folder.name for folder in _STARTERS.iterdir() if folder.is_dir() and any(folder.glob("recipe.*.yaml"))
    )


def files(name: str, language: str) -> dict[str, bytes]:
    """Return a starter's files by name: its rows, and `recipe.yaml` with comments in `language` (`en` or `pt`).

    Raises:
        UsageError: If there is no such starter.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            "E-INIT-002",
            say("There is no starter {name}.", name=repr(name)),
            expected=", ".join(known),
            mend=f"--recipe {(near or known)[0]}",
        )
    folder = _STARTERS / name
    rows = {file.name: file.read_bytes() for file in sorted(folder.glob("*.csv"))}
    return {"recipe.yaml": (folder / f"recipe.{language}.yaml").read_bytes(), **rows}
