"""Refuses credentials in a recipe, since a recipe is copied into every run and shared with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from afina.base.errors import Problem
from afina.base.messages import say
from afina.recipe.document import Path

_NAMES = re.compile(
    r"(^|[_-])(token|password|passwd|passphrase|senha|secret|segredo|credentials?|api[_-]?key|access[_-]?key|private[_-]?key)$",
    re.IGNORECASE,
)
_VALUES = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@]+:[^/\s@]+@"
)


def holds_secret(text: str) -> bool:
    """Return whether `text` contains something shaped like a credential."""
    return _VALUES.search(text) is not None


def find(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Problem]]:
    """Yield the path of every credential in `tree`, by key or by shape, with what to do instead; never its value."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if holds_secret(key):
                yield (*path, "..."), _problem()
            elif _NAMES.search(key) and isinstance(value, str | int | float) and not isinstance(value, bool):
                yield (*path, key), _problem()
            else:
                yield from find(value, (*path, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from find(value, (*path, number))
    elif isinstance(tree, str) and holds_secret(tree):
        yield path, _problem()


def _problem() -> Problem:
    return Problem(
        what=say(
            "This looks like a password or an access token; a recipe is copied into every run, so it must hold none."
        ),
        mend=say(
            "Remove it, and revoke it if the file was shared. A Hub token belongs in `hf auth login` or in HF_TOKEN."
        ),
    )
