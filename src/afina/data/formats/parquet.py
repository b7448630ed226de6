"""Parquet through pyarrow, one batch of rows at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
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
                classes = _class_names(file.schema_arrow.metadata or {})
                for batch in file.iter_batches(batch_size=self.config.rows_at_once):
                    for values in batch.to_pylist():
                        number += 1
                        yield _record(path, number, _named(values, classes))
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


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the classes that columns hold the numbers of, as `datasets` writes them into its files."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {name: list(kind["names"]) for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        # A note that another program left, in whatever shape, is no reason to refuse the rows.
        return {}


def _named(values: dict[str, Any], classes: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return a row with its classes called by name; a number without one means that there is no label."""
    for column, names in classes.items():
        number = values.get(column)
        if isinstance(number, int):
            values[column] = names[number] if 0 <= number < len(names) else None
    return values


def _record(path: Path, number: int, values: dict[str, Any]) -> Record:
    for value in values.values():
        if isinstance(value, float) and not math.isfinite(value):
            return Record(number, {}, refuse("E-DATA-114", f"{path}:{number}"))
    return Record(number, values)
