"""True and predicted numbers of a regression, from `predictions.parquet`; no other picture needs single rows."""

from __future__ import annotations

import math
from pathlib import Path

from afina.base.errors import MissingExtraError
from afina.base.messages import say
from afina.base.optional import need

MOST = 500
"""Dots in a picture; of a larger file every so manyth row is taken."""


def read_values(folder: Path) -> tuple[list[tuple[float, float]], str]:
    """Return (true, predicted) pairs from the columns `reference` and `prediction`, and why there are none.

    Returns:
        At most `MOST` pairs, evenly spaced over the file, and an empty sentence; or no pairs and the reason.
    """
    path = folder / "predictions.parquet"
    if not path.is_file():
        return [], say("The run folder has no {name}.", name=path.name)
    try:
        parquet = need("pyarrow.parquet", extra="train")
        arrow = need("pyarrow", extra="train")
    except MissingExtraError as error:
        return [], say("{name} cannot be read: {reason}.", name=path.name, reason=error.problem.what)
    try:
        columns = parquet.read_table(path, columns=["reference", "prediction"]).to_pydict()
        rows = [(float(t), float(p)) for t, p in zip(columns["reference"], columns["prediction"], strict=True)]
    except (arrow.ArrowException, KeyError, OSError, TypeError, ValueError) as error:
        return [], say("{name} cannot be read: {reason}.", name=path.name, reason=str(error).splitlines()[0])
    rows = [row for row in rows if all(math.isfinite(value) for value in row)]
    stride = max(1, math.ceil(len(rows) / MOST))
    return rows[::stride], ""
