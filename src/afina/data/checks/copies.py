"""Rows that say the same as another row of the same source."""

from __future__ import annotations

import numpy as np

from afina.base.messages import say
from afina.data import duplicates
from afina.data.facts import MAX_SIGNATURES, Facts
from afina.data.finding import Finding


def exact(facts: Facts) -> list[Finding]:
    """Return `E-DATA-201` for texts that occur more than once with the same label, case and spacing aside."""
    found = exact_groups(facts)
    if not found:
        return []
    extra = sum(len(group) - 1 for group in found)
    return [
        Finding(
            code="E-DATA-201",
            severity="warning",
            what=say("{rows} exact duplicates in {groups} groups", rows=extra, groups=len(found)),
            rows=tuple(facts.where(row) for row in sorted(row for group in found for row in group[1:])),
            groups=tuple(tuple(facts.where(row) for row in group) for group in found),
            mend="afina data fix FILE -o NEW --dedup exact",
        )
    ]


def near(facts: Facts) -> list[Finding]:
    """Return `E-DATA-202` for texts that are nearly the same, `E-DATA-216` when not all rows could be compared."""
    found = near_groups(facts)
    findings = []
    if found:
        findings.append(
            Finding(
                code="E-DATA-202",
                severity="warning",
                what=say(
                    "{rows} near duplicates in {groups} groups",
                    rows=sum(map(len, found)) - len(found),
                    groups=len(found),
                ),
                rows=tuple(facts.where(row) for row in sorted(row for group in found for row in group[1:])),
                groups=tuple(tuple(facts.where(row) for row in group) for group in found),
                mend="afina data fix FILE -o NEW --dedup near",
            )
        )
    if len(facts) > MAX_SIGNATURES:
        findings.append(
            Finding(
                code="E-DATA-216",
                severity="info",
                what=say("near duplicates were looked for among the first {rows} rows only", rows=MAX_SIGNATURES),
            )
        )
    return findings


def exact_groups(facts: Facts) -> list[list[int]]:
    """Return groups of rows with the same text and the same label, each in file order."""
    keys = np.frombuffer(facts.same, dtype=np.uint64)
    labels = np.frombuffer(facts.label_index, dtype=np.int64)
    return [part for group in grouped(keys) for part in _by_label(group, labels)]


def near_groups(facts: Facts) -> list[list[int]]:
    """Return groups of rows with nearly, but not exactly, the same text; of exact copies only the first takes part."""
    keys = np.frombuffer(facts.same, dtype=np.uint64)[: len(facts.digests)]
    _, first = np.unique(keys, return_index=True)
    first.sort()
    return duplicates.groups(facts.digests, first)


def grouped(keys: np.ndarray) -> list[list[int]]:
    """Return the indices of equal keys, groups of two or more, in order of first appearance."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    parts = [part.tolist() for part in np.split(order, starts) if len(part) > 1]
    return sorted(parts)


def _by_label(group: list[int], labels: np.ndarray) -> list[list[int]]:
    parts: dict[int, list[int]] = {}
    for row in group:
        parts.setdefault(int(labels[row]), []).append(row)
    return [part for part in parts.values() if len(part) > 1]
