"""What a check found: one kind of trouble, with every row that has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
"""An error makes data unfit or a verdict worthless; a warning deserves a look; info is worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One kind of trouble.

    Attributes:
        code: Stable code, such as `E-DATA-201`.
        severity: How bad it is.
        what: What was found, one sentence without row numbers.
        rows: Every row concerned, `file:line`.
        groups: Rows that belong together (copies, the two sides of a leak), where that says more.
        mend: What to do about it.
    """

    code: str
    severity: Severity
    what: str
    rows: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as `--json` prints it and `data.json` keeps it."""
        return asdict(self)
