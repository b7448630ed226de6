"""Parquet through pyarrow, one batch of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from afina.base.errors import DataError
from afina.base.messages import say
from afina.base.optional import need
from afina.data.contract import Record
from afina.data.refusals import refuse
from afina.recipe.section import Section


class Config(Section):
    """Parquet files, as pandas and `datasets` write them."""

    kind: Literal["parquet"] = "parquet"
    """A parquet file; needs the extra `train` (pyarrow)."""
    rows_at_once: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    """How many rows are decoded together."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """Reads parquet; a record's line is its number, counted from 1."""

    config: Config

    def records(self, path: Path) -> Iterator[Record]:
        """Yield the file's rows.

        Raises:
            DataError: `E-DATA-007` if the file is damaged or no parquet.
        """
        arrow = need("pyarrow", extra="train")
        parquet = need("pyarrow.parquet", extra="train")
        number = 0
        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=self.config.rows_at_once):
                    for values in batch.to_pylist():
                        number += 1
                        yield _record(path, number, values)
        except (arrow.ArrowException, OSError, ValueError) as error:
            raise DataError(
                "E-DATA-007",
                say("The file is damaged, or no parquet: {reason}", reason=str(error).partition("\n")[0]),
                where=f"{path}:{number + 1}",
                mend=say("Write the file again, or convert it to JSONL."),
            ) from error


def build(config: Config) -> Parquet:
    """Return the reader that `config` describes."""
    return Parquet(config)


def _record(path: Path, number: int, values: dict[str, Any]) -> Record:
    for value in values.values():
        if isinstance(value, float) and not math.isfinite(value):
            return Record(number, {}, refuse("E-DATA-114", f"{path}:{number}"))
    return Record(number, values)
