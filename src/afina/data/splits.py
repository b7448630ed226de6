"""Rows divided for training, choosing and judging, decided by what the rows say and never by where they stand.

Rows with the same words, or of the same group, form a unit that is never torn apart. Within each label, units are put
in the order of a hash of their content and the seed, and the first ones go to test, the next to validation. So the
division is the same on every machine, and when the file's rows are shuffled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from afina.base.errors import DataError
from afina.base.messages import say
from afina.data.contract import Columns, Dataset, Row, Splits
from afina.data.facts import label_names
from afina.data.identity import joined, number, spelled

LabelOf = Callable[[Row], Hashable]
"""Gives what rows are stratified by; rows with equal values are spread evenly over the splits."""

_MAX_STRATA_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Unit:
    """Rows that stay together: their positions, the hash that places them, and the label they count for."""

    rows: tuple[int, ...]
    order: int
    stratum: str


def split(
    train: Dataset,
    shares: Mapping[str, float],
    *,
    seed: int,
    validation: Dataset | None = None,
    test: Dataset | None = None,
    label_of: LabelOf | None = None,
) -> Splits:
    """Divide rows; files that are given for a split are taken as they are.

    Args:
        train: Rows to divide.
        shares: Share of rows, 0 to below 1, of `validation` and of `test`; one whose file is given is ignored.
        seed: Another seed gives another division.
        validation: Given rows that choose.
        test: Given rows that judge.
        label_of: What rows are stratified by; None: their labels as written.

    Raises:
        DataError: `E-DATA-010` if nothing would be left to train on, or a split asked for would be empty.
    """
    columns = train.columns
    wanted = {
        "test": 0.0 if test is not None else shares.get("test", 0.0),
        "validation": 0.0 if validation is not None else shares.get("validation", 0.0),
    }
    units, stratified = _units(train.rows, columns, seed, label_of)
    taken = _divide(units, wanted)
    parts = {name: _pick(train.rows, taken[name]) for name in ("train", *wanted)}
    _refuse_empty(parts, wanted, len(units), train)
    return Splits(
        train=parts["train"],
        validation=validation.rows if validation is not None else parts["validation"],
        test=test.rows if test is not None else parts["test"],
        rule=_rule(wanted, columns, stratified, seed),
    )


def _units(rows: Sequence[Row], columns: Columns, seed: int, label_of: LabelOf | None) -> tuple[list[_Unit], bool]:
    members: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        members.setdefault(_key(row, columns), []).append(position)
    labels = [repr(label_of(row) if label_of else label_names(row, columns)) for row in rows]
    # With as many labels as half of the units (a number to be predicted) there is nothing to spread evenly.
    stratified = len(set(labels)) <= _MAX_STRATA_SHARE * len(members)
    units = [
        _Unit(tuple(positions), number(f"{seed}\x1e{key}"), _usual(labels, positions) if stratified else "")
        for key, positions in members.items()
    ]
    return sorted(units, key=lambda unit: unit.order), stratified


def _key(row: Row, columns: Columns) -> str:
    if columns.group is not None:
        value = row.values.get(columns.group)
        if value not in (None, ""):
            return f"group\x1e{value}"
    return f"text\x1e{spelled(joined(row.values, columns.text))}"


def _usual(labels: Sequence[str], positions: Iterable[int]) -> str:
    counts = Counter(labels[position] for position in positions)
    return min(counts, key=lambda label: (-counts[label], label))


def _divide(units: Sequence[_Unit], shares: Mapping[str, float]) -> dict[str, list[_Unit]]:
    """Fill the splits stratum by stratum; what rounding leaves over is carried into the next one."""
    strata: dict[str, list[_Unit]] = {}
    for unit in units:
        strata.setdefault(unit.stratum, []).append(unit)
    taken: dict[str, list[_Unit]] = {"train": [], **{name: [] for name in shares}}
    owed = dict.fromkeys(shares, 0.0)
    for stratum in sorted(strata):
        waiting = strata[stratum]
        num_rows = sum(len(unit.rows) for unit in waiting)
        start = 0
        for name, share in shares.items():
            owed[name] += share * num_rows
            # The last unit of a label stays in training: a class that is only judged cannot be learned.
            while start < len(waiting) - 1 and owed[name] >= len(waiting[start].rows) / 2 and share:
                owed[name] -= len(waiting[start].rows)
                taken[name].append(waiting[start])
                start += 1
        taken["train"].extend(waiting[start:])
    return taken


def _pick(rows: Sequence[Row], units: Iterable[_Unit]) -> list[Row]:
    return [rows[position] for position in sorted(position for unit in units for position in unit.rows)]


def _refuse_empty(parts: Mapping[str, list[Row]], shares: Mapping[str, float], num_units: int, data: Dataset) -> None:
    missing = [name for name, rows in parts.items() if not rows and shares.get(name, 1.0)]
    if not missing:
        return
    raise DataError(
        "E-DATA-010",
        say(
            "{rows} rows ({units} different) are too few to divide: nothing is left for {splits}.",
            rows=len(data.rows),
            units=num_units,
            splits=", ".join(missing),
        ),
        where=data.rows[0].file if data.rows else "data",
        expected=say("at least a handful of different rows of each label, or of different groups"),
        mend=say("Add rows, or give the split's own file: data.test=FILE."),
    )


def _rule(shares: Mapping[str, float], columns: Columns, stratified: bool, seed: int) -> str:
    cut = {name: share for name, share in shares.items() if share}
    if not cut:
        return say("as given by the files")
    listed = ", ".join(f"{name} {share:.0%}" for name, share in cut.items())
    kept = (
        say("rows of one {group} together", group=columns.group)
        if columns.group
        else say("rows with the same words together")
    )
    how = say("spread evenly over labels") if stratified else say("not spread over labels, which hardly repeat")
    return say("{shares} of the rows, {how}, {kept}, seed {seed}", shares=listed, how=how, kept=kept, seed=seed)
