"""Whichever of the other formats each file turns out to have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from afina.base import registry
from afina.data.contract import Record
from afina.data.telling import choose
from afina.recipe.section import Section


class Config(Section):
    """Whatever the file turns out to be."""

    kind: Literal["auto"] = "auto"
    """CSV, JSON, JSONL or parquet, told by content and suffix."""


@dataclass(frozen=True, slots=True)
class Automatic:
    """Reads with the format that each file turns out to have."""

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the file's records."""
        yield from registry.build("data.formats", choose(path)).records(path)


def build(config: Config) -> Automatic:
    """Return the reader that chooses."""
    return Automatic()
