"""One text per file; the name of the folder it lies in is its label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from afina.base.errors import DataError, Problem
from afina.data.contract import Record
from afina.data.encoding import detect
from afina.data.lines import read_lines
from afina.data.refusals import MAX_ROW_BYTES, refuse
from afina.recipe.section import Section


class Config(Section):
    """A folder of text files per class."""

    kind: Literal["text"] = "text"
    """One text per `.txt` file, its folder's name being the label; taken by itself for folders of such files."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """Reads a file as one record with the columns `text` and `label`."""

    config: Config

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the file's one record; what cannot be read is told with the file's name, and costs that row alone."""
        try:
            encoding = detect(path)
        except DataError as error:
            found = error.problem
            yield Record(1, {}, Problem(what=found.what, where=f"{path}:1", expected=".txt", mend=found.mend))
            return
        lines: list[str] = []
        num_characters = 0
        for line in read_lines(path, encoding):
            num_characters += len(line.text)
            code = line.code or ("E-DATA-105" if num_characters > MAX_ROW_BYTES else "")
            if code:
                yield Record(1, {}, refuse(code, f"{path}:{line.number}"))
                return
            lines.append(line.text)
        yield Record(1, {"text": "".join(lines).strip(), "label": path.parent.name})


def build(config: Config) -> TextFile:
    """Return the reader that `config` describes."""
    return TextFile(config)
