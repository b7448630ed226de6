"""The page around the sections: one file that needs nothing else, and the small pieces of HTML all sections use."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from afina.base import messages
from afina.base.messages import say

esc = html.escape


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell that is already HTML, or that stands out."""

    markup: str
    strong: bool = False


def page(title: str, head: str, sections: Iterable[str], numbers: Mapping[str, Any]) -> str:
    """Return the whole document.

    Args:
        title: The window's title.
        head: HTML of the first screen.
        sections: HTML of the sections below it; empty ones are left out.
        numbers: Everything that the page shows, embedded for programs to read.
    """
    language = "pt-BR" if messages.language() == "pt" else "en"
    # A closing tag inside a string would end the script element early, so no "<" survives.
    embedded = json.dumps(_plain(numbers), ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace(
        "<", "\\u003c"
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{esc(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>\n"
        f"{head}\n{''.join(section for section in sections if section)}</main>\n"
        f'<script type="application/json" id="numbers">{embedded}</script>\n</body>\n</html>\n'
    )


def section(anchor: str, title: str, lead: str, *blocks: str) -> str:
    """Return a section: its title at the side, its content beside it; nothing when there is no content."""
    body = "".join(block for block in blocks if block)
    if not body and not lead:
        return ""
    intro = f'<p class="lead">{esc(lead)}</p>' if lead else ""
    return f'<section id="{anchor}"><h2>{esc(title)}</h2><div class="content">{intro}{body}</div></section>\n'


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Cell]],
    *,
    numeric_from: int = 1,
    caption: str = "",
    class_: str = "",
) -> str:
    """Return a table; texts are escaped, columns from `numeric_from` on are right-aligned figures."""

    def cell(position: int, content: str | Cell) -> str:
        kind = ' class="figure"' if position >= numeric_from else ""
        if isinstance(content, Cell):
            inner = f"<strong>{content.markup}</strong>" if content.strong else content.markup
        else:
            inner = esc(content)
        return f'<th scope="row">{inner}</th>' if position == 0 else f"<td{kind}>{inner}</td>"

    head = "".join(
        f'<th scope="col" class="{"figure" if position >= numeric_from else "words"}">{esc(heading)}</th>'
        for position, heading in enumerate(headings)
    )
    body = "".join(f"<tr>{''.join(cell(i, c) for i, c in enumerate(row))}</tr>" for row in rows)
    top = f"<caption>{esc(caption)}</caption>" if caption else ""
    extra = f' class="{class_}"' if class_ else ""
    return f'<div class="scroll"><table{extra}>{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def pairs(rows: Iterable[tuple[str, str | Cell]], *, class_: str = "") -> str:
    """Return names and values as a definition list; rows without a value are left out."""
    items = "".join(
        f"<dt>{esc(name)}</dt><dd>{value.markup if isinstance(value, Cell) else esc(value)}</dd>"
        for name, value in rows
        if value
    )
    shape = f' class="{class_}"' if class_ else ""
    return f"<dl{shape}>{items}</dl>" if items else ""


def details(summary: str, body: str) -> str:
    """Return content that is folded away until asked for, and open on paper."""
    return f"<details><summary>{esc(summary)}</summary>{body}</details>" if body else ""


def card(title: str, body: str, note: str = "", class_: str = "") -> str:
    """Return a framed picture with its title and a line beneath."""
    below = f'<p class="note">{esc(note)}</p>' if note else ""
    return f'<figure class="card {class_}"><figcaption>{esc(title)}</figcaption>{body}{below}</figure>'


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{esc(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def twin(body: str) -> str:
    """Return a picture's numbers as a folded table."""
    return details(say("The same as a table"), body)


@lru_cache(maxsize=1)
def _style() -> str:
    return files("afina.reporting").joinpath("report.css").read_text(encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
