"""Records that could not be used at all."""

from __future__ import annotations

from afina.base.errors import Problem
from afina.data.facts import Facts
from afina.data.finding import Finding
from afina.data.refusals import code_of


def unusable(facts: Facts) -> list[Finding]:
    """Return one error per reason for which records were refused (`E-DATA-100` to `E-DATA-125`)."""
    reasons: dict[str, list[Problem]] = {}
    for problem in facts.refused:
        reasons.setdefault(problem.what, []).append(problem)
    return [
        Finding(
            code=code_of(problems[0]),
            severity="error",
            what=what if not problems[0].expected else f"{what} ({problems[0].expected})",
            rows=tuple(problem.where for problem in problems),
            mend=problems[0].mend,
        )
        for what, problems in reasons.items()
    ]
