"""Versions below which a dependency is known to be unsafe, refused before anything is loaded with it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from afina.base.errors import MissingExtraError, Problem
from afina.base.messages import say


@dataclass(frozen=True, slots=True)
class Floor:
    """The lowest safe version of a package, and why."""

    package: str
    lowest: tuple[int, ...]
    reason: str


FLOORS = (
    Floor("torch", (2, 10), "CVE-2026-24747: loading weights corrupts memory"),
    Floor("transformers", (5, 10), "CVE-2026-9856: saving a model writes outside its folder"),
    Floor("pyarrow", (14, 0, 1), "CVE-2023-47248: reading a file runs code"),
)
"""Every floor that is asserted."""


def installed(package: str) -> str | None:
    """Return the installed version of `package`, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def unsafe() -> list[Problem]:
    """Return one problem per installed package that stands below its floor."""
    problems = []
    for floor in FLOORS:
        found = installed(floor.package)
        if found is not None and _numbers(found) < floor.lowest:
            lowest = ".".join(str(number) for number in floor.lowest)
            problems.append(
                Problem(
                    what=say(
                        "{package} {version} is not safe: {reason}.",
                        package=floor.package,
                        version=found,
                        reason=floor.reason,
                    ),
                    expected=f"{floor.package} >= {lowest}",
                    mend=f'pip install "{floor.package}>={lowest}"',
                )
            )
    return problems


def assert_safe() -> None:
    """Refuse to go on with a package below its floor.

    Raises:
        MissingExtraError: If there is one; all are listed.
    """
    problems = unsafe()
    if problems:
        raise MissingExtraError(
            "E-EXTRA-002", say("Installed packages have known holes."), mend=problems[0].mend, problems=tuple(problems)
        )


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split("+")[0].split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
