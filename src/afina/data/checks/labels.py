"""The target: contradictions, spellings, classes too small, too few or too uneven."""

from __future__ import annotations

from collections import Counter

import numpy as np

from afina.base.messages import say
from afina.data.checks.copies import grouped
from afina.data.facts import Facts
from afina.data.finding import Finding
from afina.data.identity import normalised
from afina.data.profile import is_number

MIN_ROWS_PER_CLASS = 10
"""With fewer rows a class is hardly learned, and its score says nothing."""

MAX_IMBALANCE = 10.0
"""The largest class may have this many times the rows of the smallest."""

_MANY_VALUES = 20
_ROWS_PER_VALUE = 5


def contradictions(facts: Facts) -> list[Finding]:
    """Return `E-DATA-203` for texts that occur with different labels."""
    labels = np.frombuffer(facts.label_index, dtype=np.int64)
    groups = [
        group
        for group in grouped(np.frombuffer(facts.same, dtype=np.uint64))
        if len({_canonical(facts, int(labels[row])) for row in group if labels[row] >= 0}) > 1
    ]
    if not groups:
        return []
    return [
        Finding(
            code="E-DATA-203",
            severity="warning",
            what=say("{texts} texts have different labels in different rows", texts=len(groups)),
            rows=tuple(facts.where(row) for row in sorted(row for group in groups for row in group)),
            groups=tuple(tuple(facts.where(row) for row in group) for group in groups),
            mend=say("Decide which label is right, and remove the other rows."),
        )
    ]


def spellings(facts: Facts) -> list[Finding]:
    """Return `E-DATA-204` for labels that differ only in case or spacing, one finding per label."""
    if is_numeric(facts):
        return []
    counts = class_counts(facts)
    variants: dict[str, list[str]] = {}
    for name in counts:
        variants.setdefault(normalised(name), []).append(name)
    findings = []
    for names in variants.values():
        if len(names) > 1:
            usual = max(names, key=lambda name: counts[name])
            odd = {index for index, labels in enumerate(facts.labels) if set(labels) & (set(names) - {usual})}
            findings.append(
                Finding(
                    code="E-DATA-204",
                    severity="warning",
                    what=say(
                        "one label is written in {num} ways: {names}", num=len(names), names=", ".join(map(repr, names))
                    ),
                    rows=tuple(facts.where(row) for row, label in enumerate(facts.label_index) if label in odd),
                    mend="afina data fix FILE -o NEW",
                )
            )
    return findings


def balance(facts: Facts) -> list[Finding]:
    """Return what is wrong with the classes' sizes.

    `E-DATA-205` fewer than two classes, an error; `E-DATA-206` classes under 10 rows; `E-DATA-207` the largest more
    than ten times the smallest; `E-DATA-214` no label column; `E-DATA-215` the target is a number, so there are no
    classes.
    """
    if not facts.columns.label:
        return [Finding(code="E-DATA-214", severity="info", what=say("no label column"))]
    counts = class_counts(facts)
    if is_numeric(facts):
        what = say("the label is a number with {num} different values: regression", num=len(counts))
        return [Finding(code="E-DATA-215", severity="info", what=what)]
    if len(counts) < 2:
        what = say("there are fewer than two classes: {names}", names=", ".join(counts) or "-")
        mend = say("A classifier needs at least two; is this the label column? Name it with --label.")
        return [Finding(code="E-DATA-205", severity="error", what=what, mend=mend)]
    return _sizes(facts, counts)


def class_counts(facts: Facts) -> Counter[str]:
    """Return the rows of each class as written, the largest first; a row of several labels counts for each."""
    per_set = Counter(facts.label_index)
    counts: Counter[str] = Counter()
    for index, names in enumerate(facts.labels):
        for name in names:
            counts[name] += per_set[index]
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))))


def is_numeric(facts: Facts) -> bool:
    """Return whether the labels are numbers to be predicted rather than names of classes.

    They are when all are numbers, more than 20 differ, and they have decimals or hardly repeat.
    """
    names = [name for labels in facts.labels for name in labels]
    if len(names) <= _MANY_VALUES or len(facts.columns.label) > 1 or not all(map(is_number, names)):
        return False
    return any(not float(name).is_integer() for name in names) or len(facts) < _ROWS_PER_VALUE * len(names)


def _sizes(facts: Facts, counts: Counter[str]) -> list[Finding]:
    findings = []
    small = {name for name, count in counts.items() if count < MIN_ROWS_PER_CLASS}
    if small:
        shown = ", ".join(f"{name} ({counts[name]})" for name in sorted(small, key=lambda name: counts[name])[:5])
        sets = {index for index, labels in enumerate(facts.labels) if set(labels) & small}
        findings.append(
            Finding(
                code="E-DATA-206",
                severity="warning",
                what=say(
                    "{num} classes have fewer than {least} rows: {names}",
                    num=len(small),
                    least=MIN_ROWS_PER_CLASS,
                    names=shown,
                )
                + (", …" if len(small) > 5 else ""),
                rows=tuple(facts.where(row) for row, label in enumerate(facts.label_index) if label in sets),
                mend=say("Collect more rows of them, or merge classes."),
            )
        )
    (large, most), (least_name, least) = counts.most_common()[0], counts.most_common()[-1]
    if most > MAX_IMBALANCE * least:
        values = {"large": large, "most": most, "small": least_name, "least": least}
        findings.append(
            Finding(
                code="E-DATA-207",
                severity="warning",
                what=say("the classes are uneven: {large} has {most} rows, {small} has {least}", **values),
                mend=say("Look at macro-F1 rather than accuracy, or weight the classes."),
            )
        )
    return findings


def _canonical(facts: Facts, index: int) -> tuple[str, ...]:
    return tuple(sorted(normalised(name) for name in facts.labels[index]))
