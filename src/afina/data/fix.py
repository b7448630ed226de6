"""A corrected copy: unusable rows left out, texts and labels mended, duplicates and personal data removed.

The original is never touched. The copy is written whole or not at all, row by row, in bounded memory.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from afina.base.durable import open_atomic
from afina.base.errors import DataError, Problem
from afina.base.messages import say
from afina.data import mojibake, personal
from afina.data.checks import copies, labels
from afina.data.contract import Columns, Row
from afina.data.facts import Facts, gather
from afina.data.identity import normalised
from afina.data.profile import names_of
from afina.data.source import Opened, stream

Deduplication = Literal["none", "exact", "near"]
"""Which copies are left out: none, equal ones, or nearly equal ones too; the first of a group stays."""

WRITES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
"""Suffixes that a copy can have."""


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Attributes:
        kind: `unusable`, `duplicate`, `near-duplicate`, `decoding`, `label`, `spaces`, or `redacted-` and a
            kind of data.
        what: The same in words.
        rows: Every row concerned, `file:line`.
    """

    kind: str
    what: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What became of the rows.

    Attributes:
        target: The copy.
        num_read: Records in the original.
        num_written: Rows in the copy.
        changes: What was changed, by kind.
    """

    target: Path
    num_read: int
    num_written: int
    changes: tuple[Change, ...]


@dataclass(slots=True)
class _Tally:
    rows: dict[str, list[str]] = field(default_factory=dict)
    num_read: int = 0
    num_written: int = 0

    def note(self, kind: str, where: str) -> None:
        self.rows.setdefault(kind, []).append(where)


def fix(
    opened: Opened,
    target: Path,
    *,
    deduplicate: Deduplication = "none",
    redact: tuple[str, ...] = (),
    overwrite: bool = False,
) -> Fixed:
    """Write a corrected copy of the opened files' rows.

    Labels that differ only in case or spacing take their commonest spelling. Personal data is replaced in every column
    of text but the label and the group, whose values would no longer tell rows apart.

    Args:
        opened: The originals.
        target: Where the copy goes: `.csv`, `.tsv`, `.jsonl` or `.json`.
        deduplicate: Which copies of rows are left out.
        redact: Kinds of personal data to replace, of `personal.KINDS`.
        overwrite: Whether a file that is already there may be replaced.

    Raises:
        DataError: `E-DATA-021` the target is one of the originals, or exists; `E-DATA-022` it has a suffix
            that is not written.
    """
    _refuse_target(opened, target, overwrite)
    facts = gather(stream(opened), opened.columns)
    dropped = _dropped(facts, deduplicate)
    spellings = _spellings(facts)
    names = names_of(row.values for row in stream(opened) if isinstance(row, Row))
    tally = _Tally()
    with open_atomic(target) as file:
        write, finish = _writer(target, file, names)
        for item in stream(opened):
            tally.num_read += 1
            if isinstance(item, Problem):
                tally.note("unusable", item.where)
            elif item.number in dropped:
                tally.note(dropped[item.number], item.where)
            else:
                write(_corrected(item, opened.columns, spellings, redact, tally))
                tally.num_written += 1
        finish()
    changes = tuple(Change(kind, _words(kind), tuple(rows)) for kind, rows in tally.rows.items())
    return Fixed(target, tally.num_read, tally.num_written, changes)


def _refuse_target(opened: Opened, target: Path, overwrite: bool) -> None:
    for path in opened.paths:
        if target.resolve() == path.resolve() or (target.exists() and target.samefile(path)):
            raise DataError(
                "E-DATA-021",
                say("The copy would overwrite its original."),
                where=str(target),
                mend=say("Give another name with -o."),
            )
    if target.exists() and not overwrite:
        raise DataError(
            "E-DATA-021",
            say("The file already exists."),
            where=str(target),
            mend=say("Give another name with -o, or add --yes."),
        )
    if target.suffix.lower() not in WRITES:
        raise DataError(
            "E-DATA-022",
            say("A copy cannot be written in this format: {suffix}", suffix=target.suffix or "-"),
            where=str(target),
            expected=", ".join(WRITES),
        )


def _dropped(facts: Facts, deduplicate: Deduplication) -> dict[int, str]:
    dropped: dict[int, str] = {}
    if deduplicate == "none" or not len(facts):
        return dropped
    if deduplicate == "near":
        for group in copies.near_groups(facts):
            # Only copies that agree on the label are copies; the others are contradictions for a person to decide.
            same = [row for row in group if facts.label_index[row] == facts.label_index[group[0]]]
            dropped.update(dict.fromkeys(same[1:], "near-duplicate"))
    for group in copies.exact_groups(facts):
        kept = group[0] in dropped
        dropped.update(dict.fromkeys(group if kept else group[1:], "duplicate"))
    return dropped


def _spellings(facts: Facts) -> dict[str, str]:
    """Return for each label as written the commonest spelling of it; the first in order of size wins."""
    if labels.is_numeric(facts) or len(facts.columns.label) != 1:
        return {}
    usual: dict[str, str] = {}
    counts = labels.class_counts(facts)
    for name in counts:
        usual.setdefault(normalised(name), name)
    return {name: " ".join(usual[normalised(name)].split()) for name in counts}


def _corrected(
    row: Row, columns: Columns, spellings: Mapping[str, str], redact: tuple[str, ...], tally: _Tally
) -> dict[str, Any]:
    values = dict(row.values)
    for name, value in row.values.items():
        if name in columns.label:
            values[name] = _label(value, spellings)
            if values[name] != value:
                tally.note("label", row.where)
        elif isinstance(value, str):
            mended = mojibake.repair(value)
            if mended != value:
                tally.note("decoding", row.where)
            if mended.strip() != mended:
                tally.note("spaces", row.where)
            values[name], kinds = personal.redact(mended.strip(), redact if name != columns.group else ())
            for kind in dict.fromkeys(kinds):
                tally.note(f"redacted-{kind}", row.where)
    return values


def _label(value: Any, spellings: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_label(item, spellings) for item in value]
    return spellings.get(value, value) if isinstance(value, str) else value


def _writer(
    target: Path, file: BinaryIO, names: list[str]
) -> tuple[Callable[[Mapping[str, Any]], object], Callable[[], object]]:
    suffix = target.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _delimited(file, names, "\t" if suffix == ".tsv" else ",")
    if suffix == ".json":
        return _array(file)
    return (lambda values: file.write(_json(values) + b"\n")), lambda: None


def _delimited(
    file: BinaryIO, names: list[str], delimiter: str
) -> tuple[Callable[[Mapping[str, Any]], object], Callable[[], object]]:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)

    def write(values: Mapping[str, Any]) -> None:
        cells = (values.get(name) for name in names)
        writer.writerow([_json(cell).decode() if isinstance(cell, (list, dict)) else cell for cell in cells])

    return write, text.detach


def _array(file: BinaryIO) -> tuple[Callable[[Mapping[str, Any]], object], Callable[[], object]]:
    separators: Iterator[bytes] = iter([b"[\n"])

    def write(values: Mapping[str, Any]) -> None:
        file.write(next(separators, b",\n") + _json(values))

    return write, lambda: file.write(next(separators, b"\n") + b"]\n")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")


def _words(kind: str) -> str:
    sentences = {
        "unusable": say("left out: cannot be used"),
        "duplicate": say("left out: exact duplicates"),
        "near-duplicate": say("left out: near duplicates"),
        "decoding": say("mended: decoded with the wrong encoding"),
        "label": say("mended: label's spelling"),
        "spaces": say("mended: spaces around the text"),
    }
    return sentences.get(kind) or say("redacted: {kind}", kind=kind.removeprefix("redacted-"))
