"""JSON Lines: one object per line, each line on its own, so that one bad line costs one row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from afina.base.errors import Problem
from afina.base.messages import say
from afina.data.contract import Record
from afina.data.encoding import detect
from afina.data.lines import Line, read_lines
from afina.data.refusals import refuse
from afina.data.strict_json import Refused, parse
from afina.recipe.section import Section


class Config(Section):
    """Text files with one JSON object per line."""

    kind: Literal["jsonl"] = "jsonl"
    """One JSON object per line (also called ndjson)."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Reads JSON Lines."""

    config: Config

    def records(self, path: Path) -> Iterator[Record]:
        """Yield one record per line that is not blank; a broken one carries its problem, line and column."""
        for line in read_lines(path, detect(path)):
            text = line.text.strip()
            if text or line.code:
                yield _record(path, line, text)


def build(config: Config) -> JsonLines:
    """Return the reader that `config` describes."""
    return JsonLines(config)


def _record(path: Path, line: Line, text: str) -> Record:
    if line.code:
        return Record(line.number, {}, _problem(path, line.number, line.column, line.code))
    indent = len(line.text) - len(line.text.lstrip())
    try:
        parsed = parse(text)
    except Refused as refused:
        column = refused.position + indent + 1
        return Record(line.number, {}, _problem(path, line.number, column, refused.code, refused.detail))
    if parsed.end != len(text):
        column = len(text) - len(text[parsed.end :].lstrip()) + indent + 1
        return Record(
            line.number, {}, _problem(path, line.number, column, "E-DATA-111", say("nothing after the object"))
        )
    if not isinstance(parsed.value, dict):
        detail = say("an object such as {example}", example='{"text": "...", "label": "..."}')
        return Record(line.number, {}, _problem(path, line.number, indent + 1, "E-DATA-112", detail))
    return Record(line.number, parsed.value)


def _problem(path: Path, line: int, column: int, code: str, detail: str = "") -> Problem:
    mend = say("Mend the line by hand, or leave it out: afina data fix FILE -o NEW.")
    return refuse(code, f"{path}:{line}:{column}" if column else f"{path}:{line}", detail, mend)
