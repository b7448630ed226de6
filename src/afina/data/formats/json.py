"""JSON: one array of objects, bare or inside an object (`{"data": [...]}`); the one format that is read as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from afina.base.errors import DataError
from afina.base.messages import say
from afina.data.contract import Record
from afina.data.encoding import detect
from afina.data.refusals import refuse
from afina.data.strict_json import Refused, parse
from afina.recipe.section import Section

_SPACE = re.compile(r"[ \t\r\n]*")


class Config(Section):
    """A file with one JSON array of objects."""

    kind: Literal["json"] = "json"
    """One JSON array of objects, or an object that holds it, such as `{"data": [...]}`."""
    max_bytes: Annotated[int, Field(ge=1, le=4_000_000_000)] = 256_000_000
    """The largest file that is read; JSON is held in memory as a whole, JSON Lines is not."""


@dataclass(frozen=True, slots=True)
class JsonArray:
    """Reads an array of objects."""

    config: Config

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the array's objects, each with the line where it starts.

        Raises:
            DataError: `E-DATA-004` too large, `E-DATA-005` not JSON (nothing after the place can be
                told), `E-DATA-006` no
                array of objects, `E-DATA-003` nothing in it.
        """
        text = _text(path, self.config.max_bytes)
        document = _Document(path, text)
        position = document.array_start()
        while (position := document.space(position)) < len(text) and text[position] != "]":
            line, _ = document.place(position)
            parsed_end, record = document.element(position, line)
            yield record
            position = document.space(parsed_end)
            if position < len(text) and text[position] == ",":
                position += 1
                if text[document.space(position) :][:1] == "]":
                    raise document.broken(position, say("an object after the comma"))
            elif position >= len(text) or text[position] != "]":
                raise document.broken(position, say("a comma or ]"))
        if position >= len(text):
            raise document.broken(position, say("a comma or ]"))


def build(config: Config) -> JsonArray:
    """Return the reader that `config` describes."""
    return JsonArray(config)


def _text(path: Path, max_bytes: int) -> str:
    size = path.stat().st_size
    if size > max_bytes:
        raise DataError(
            "E-DATA-004",
            say("The file is larger than {limit} MB, and JSON is read as a whole.", limit=max_bytes // 1_000_000),
            where=f"{path}:1",
            mend=say("Write one object per line (JSONL), which is read line by line, or raise data.format.max_bytes."),
        )
    encoding = detect(path)
    raw = path.read_bytes()[encoding.skip_bytes :]
    try:
        return raw.decode(encoding.name)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            "E-DATA-005",
            say("The file holds bytes that are not {encoding}.", encoding=encoding.name),
            where=f"{path}:{line}",
            mend=say("Save the file as UTF-8."),
        ) from error


class _Document:
    """The text with a cursor that knows its line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._line, self._seen = 1, 0

    def space(self, position: int) -> int:
        found = _SPACE.match(self.text, position)
        return found.end() if found else position

    def place(self, position: int) -> tuple[int, int]:
        """Return line and column of a position; positions come in rising order."""
        if position < self._seen:
            self._line, self._seen = 1, 0
        self._line += self.text.count("\n", self._seen, position)
        self._seen = position
        return self._line, position - self.text.rfind("\n", 0, position)

    def broken(self, position: int, detail: str) -> DataError:
        line, column = self.place(min(position, len(self.text)))
        return DataError(
            "E-DATA-005",
            say("The file is not valid JSON from here on."),
            where=f"{self.path}:{line}:{column}",
            expected=detail,
            mend=say("Mend the file there; JSONL (one object per line) would lose only the broken line."),
        )

    def element(self, position: int, line: int) -> tuple[int, Record]:
        """Read the array's element at `position`; return where it ends, and its record."""
        try:
            parsed = parse(self.text, position)
        except Refused as refused:
            raise self._refused(refused, position) from refused
        if isinstance(parsed.value, dict):
            return parsed.end, Record(line, parsed.value)
        detail = say("an object such as {example}", example='{"text": "...", "label": "..."}')
        return parsed.end, Record(line, {}, refuse("E-DATA-112", f"{self.path}:{line}", detail))

    def array_start(self) -> int:
        """Return the position after the `[` of the rows."""
        position = self.space(0)
        first = self.text[position : position + 1]
        if not first:
            raise DataError("E-DATA-003", say("The file has no rows."), where=f"{self.path}:1")
        if first == "[":
            return position + 1
        return self._inside_object(position) if first == "{" else self._no_array(position)

    def _inside_object(self, position: int) -> int:
        position = self.space(position + 1)
        while self.text[position : position + 1] == '"':
            position = self.space(self._skip(position))
            if self.text[position : position + 1] != ":":
                raise self.broken(position, "':'")
            position = self.space(position + 1)
            after = self.space(position + 1)
            if self.text[position : position + 1] == "[" and self.text[after : after + 1] in ("{", "]"):
                return position + 1
            position = self.space(self._skip(position))
            if self.text[position : position + 1] == ",":
                position = self.space(position + 1)
        return self._no_array(position)

    def _skip(self, position: int) -> int:
        try:
            return parse(self.text, position).end
        except Refused as refused:
            raise self._refused(refused, position) from refused

    def _refused(self, refused: Refused, position: int) -> DataError:
        error = self.broken(refused.position or position, refused.detail)
        if refused.code == "E-DATA-111":
            return error
        line, column = self.place(refused.position or position)
        problem = refuse(refused.code, f"{self.path}:{line}:{column}", refused.detail)
        return DataError("E-DATA-005", problem.what, where=problem.where, expected=problem.expected)

    def _no_array(self, position: int) -> int:
        line, column = self.place(position)
        raise DataError(
            "E-DATA-006",
            say("The JSON file holds no list of rows."),
            where=f"{self.path}:{line}:{column}",
            expected=say(
                "an array of objects, or an object that holds one: {example}", example='{"data": [{...}, ...]}'
            ),
            mend=say('With pandas: table.to_json(path, orient="records").'),
        )
