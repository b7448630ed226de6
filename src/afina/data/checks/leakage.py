"""Rows of one split that another split has as well: the model would be judged on what it was taught."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from afina.base.messages import say
from afina.data import duplicates
from afina.data.facts import Facts
from afina.data.finding import Finding


def leaks(splits: Mapping[str, Facts]) -> list[Finding]:
    """Return the leaks between every two splits.

    `E-DATA-208`, an error: the same words in the same order (case, spacing and punctuation aside). `E-DATA-209`,
    a warning:
    nearly the same text.

    Args:
        splits: Facts by the split's name; of two, the later is the one that judges.
    """
    findings = []
    for (name, facts), (other_name, other) in combinations(splits.items(), 2):
        exact = _exact(facts, other)
        findings += _finding("E-DATA-208", name, other_name, facts, other, exact)
        close = {row: twin for row, twin in _near(facts, other).items() if row not in exact}
        findings += _finding("E-DATA-209", name, other_name, facts, other, close)
    return findings


def _finding(
    code: str, name: str, other_name: str, facts: Facts, other: Facts, twins: Mapping[int, int]
) -> list[Finding]:
    if not twins:
        return []
    values = {"rows": len(twins), "total": len(other), "other": other_name, "name": name}
    exact = code == "E-DATA-208"
    return [
        Finding(
            code=code,
            severity="error" if exact else "warning",
            what=say("{rows} of {total} rows of {other} are also in {name}", **values)
            if exact
            else say("{rows} of {total} rows of {other} are nearly the same as one in {name}", **values),
            rows=tuple(other.where(row) for row in sorted(twins)),
            groups=tuple((other.where(row), facts.where(twins[row])) for row in sorted(twins)),
            mend=say("Remove them from one side, or the score will be too good."),
        )
    ]


def _exact(facts: Facts, other: Facts) -> dict[int, int]:
    keys = np.frombuffer(facts.words, dtype=np.uint64)
    judged = np.frombuffer(other.words, dtype=np.uint64)
    unique, first = np.unique(keys, return_index=True)
    if not len(unique):
        return {}
    place = np.minimum(np.searchsorted(unique, judged), len(unique) - 1)
    return {int(row): int(first[place[row]]) for row in np.flatnonzero(unique[place] == judged)}


def _near(facts: Facts, other: Facts) -> dict[int, int]:
    rows, twins = _distinct(facts), _distinct(other)
    boundary = len(rows)
    both = np.concatenate([facts.digests[rows], other.digests[twins]])
    found: dict[int, int] = {}
    for first, second in duplicates.similar_pairs(both):
        # Buckets are in row order, so the first of a pair is the training row when the two come from both sides.
        across = (first < boundary) & (second >= boundary)
        for one, two in zip(first[across].tolist(), second[across].tolist(), strict=True):
            found.setdefault(int(twins[two - boundary]), int(rows[one]))
    return found


def _distinct(facts: Facts) -> np.ndarray:
    keys = np.frombuffer(facts.same, dtype=np.uint64)[: len(facts.digests)]
    return np.sort(np.unique(keys, return_index=True)[1])
