"""Text for people, in English and Brazilian Portuguese.

English sentences are the message ids; `say` translates one and fills its placeholders. Catalogues are gettext files
under `locale/pt_BR/`, one `.po` per floor, compiled together into `afina.mo` by `make messages`. A test refuses a
sentence without a translation and a translation whose placeholders differ.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path

from afina.base import environment

LANGUAGES = ("en", "pt")
"""The languages that a newcomer's text exists in."""

_LOCALE = Path(__file__).parent / "locale"
_chosen: str | None = None


def set_language(name: str | None) -> None:
    """Choose the language of every following message; None returns to the environment's choice."""
    global _chosen
    _chosen = None if name is None else _known(name)


def language() -> str:
    """Return the language in force: `en` or `pt`."""
    return _chosen or _known(environment.language() or "en")


def say(sentence: str, /, **values: object) -> str:
    """Return `sentence` in the language in force, with its `{placeholders}` filled.

    The sentence must be a literal, since the catalogue's completeness is checked by reading the source.
    """
    text = _catalogue(language()).gettext(sentence)
    return text.format(**values) if values else text


def _known(name: str) -> str:
    return "pt" if name.lower().startswith("pt") else "en"


@lru_cache(maxsize=len(LANGUAGES))
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.translation("afina", _LOCALE, languages=["pt_BR"]) if name == "pt" else gettext.NullTranslations()
