"""Why a record cannot be used: one sentence and one stable code per reason.

The sentence of a reason never changes from row to row (what differs goes into `where` and `expected`), so refusals can
be counted by reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from afina.base.errors import Problem
from afina.base.messages import language, say

MAX_ROW_BYTES = 1_000_000
"""A record longer than this is refused: it is nearly always a quote that was never closed, or not text at all."""


@lru_cache(maxsize=2)
def _sentences(_language: str) -> dict[str, str]:
    return {
        "E-DATA-101": say("The row does not have as many cells as the header."),
        "E-DATA-102": say("A quote is opened here and never closed."),
        "E-DATA-103": say("The quotes of this row are broken."),
        "E-DATA-104": say("The row holds a NUL character."),
        "E-DATA-105": say("The row is too long."),
        "E-DATA-106": say("The row holds bytes that the file's encoding cannot explain."),
        "E-DATA-111": say("The line is not valid JSON."),
        "E-DATA-112": say("The record is not an object with named fields."),
        "E-DATA-113": say("A field's name appears twice in the record."),
        "E-DATA-114": say("The record holds a number that is not finite."),
        "E-DATA-115": say("The record is nested too deeply."),
        "E-DATA-116": say("The record holds half of a surrogate pair, which is no character."),
        "E-DATA-121": say("The text is empty."),
        "E-DATA-122": say("The text is not text."),
        "E-DATA-123": say("The label is missing."),
        "E-DATA-124": say("The label is of a kind that cannot be learned."),
        "E-DATA-125": say("The record lacks a column."),
        "E-DATA-126": say("A file among the texts of a class is no .txt file."),
        "E-DATA-127": say("A folder within a class's folder is not read."),
    }


def refuse(code: str, where: str, expected: str = "", mend: str = "") -> Problem:
    """Return the problem with stable `code` at `where` (`file:line` or `file:line:column`)."""
    return Problem(what=_sentences(language())[code], where=where, expected=expected, mend=mend)


def code_of(problem: Problem) -> str:
    """Return the stable code of a refusal; `E-DATA-100` for one that a format from elsewhere made."""
    return {text: code for code, text in _sentences(language()).items()}.get(problem.what, "E-DATA-100")


def line_of(problem: Problem) -> int:
    """Return the line that a refusal names, 0 when it names none."""
    file, _, last = problem.where.rpartition(":")
    before = file.rpartition(":")[2]
    # `file:12:40` names line 12, `file:12` names line 12; a file name may itself hold a colon.
    number = before if before.isdigit() and last.isdigit() else last
    return int(number) if number.isdigit() else 0


def file_of(problem: Problem) -> str:
    """Return the file that a refusal names."""
    line = line_of(problem)
    return problem.where.partition(f":{line}")[0] if line else problem.where


def summarise(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return one problem per file and reason, each listing all of its lines as ranges (`3, 7, 9-15`)."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((file_of(problem), problem.what), []).append(problem)
    return tuple(
        Problem(
            what=f"{code_of(members[0])} {what}",
            where=members[0].where if len(members) == 1 else f"{file}:{ranges(line_of(member) for member in members)}",
            expected=members[0].expected if len({member.expected for member in members}) == 1 else "",
            mend=members[0].mend,
        )
        for (file, what), members in groups.items()
    )


def ranges(lines: Iterable[int]) -> str:
    """Return line numbers as a short text that still names each: `3, 7, 9-15`."""
    runs: list[list[int]] = []
    for line in sorted(set(lines)):
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
