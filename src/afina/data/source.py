"""From the recipe's data section to rows with roles; every record that is refused is listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from afina.base import registry
from afina.base.errors import DataError, Problem
from afina.base.messages import say
from afina.data import columns as roles
from afina.data.contract import Columns, Dataset, Format, Record, Row
from afina.data.places import Place, locate, sha256
from afina.data.profile import is_empty
from afina.data.refusals import refuse, summarise
from afina.data.telling import choose

__all__ = ["DataRequest", "Opened", "Place", "collect", "locate", "open_files", "read", "sha256", "stream"]

SAMPLE_ROWS = 1000
"""Rows that the columns' roles are inferred from."""


class DataRequest(Protocol):
    """What is asked for of the data; the recipe's data section satisfies it."""

    @property
    def train(self) -> str | Sequence[str]:
        """The training files, a folder of them, or a data set on the Hub."""
        ...

    @property
    def validation(self) -> str | Sequence[str] | None:
        """The files that choose, if given."""
        ...

    @property
    def test(self) -> str | Sequence[str] | None:
        """The files that judge, if given."""
        ...

    @property
    def format(self) -> Any:
        """Options of one of `data.formats`."""
        ...

    @property
    def text(self) -> str | Sequence[str] | None:
        """The column or columns that are read, if given."""
        ...

    @property
    def label(self) -> str | Sequence[str] | None:
        """The column or columns with the target, if given."""
        ...

    @property
    def group(self) -> str | None:
        """The column whose rows stay together, if given."""
        ...

    @property
    def on_bad_row(self) -> str:
        """`stop` or `skip`."""
        ...

    @property
    def max_bad_share(self) -> float:
        """Share of refused rows, 0 to 1, up to which `stop` goes on without them."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """Files whose format and columns are known, ready to be streamed as often as needed.

    Attributes:
        place: The files.
        format: Reads them.
        columns: The roles of their columns.
        description: The format and what was detected, in one sentence.
    """

    place: Place
    format: Format
    columns: Columns
    description: str

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, in order."""
        return self.place.paths


def read(
    section: DataRequest,
    root: Path,
    split: Literal["train", "validation", "test"] = "train",
    *,
    columns: Columns | None = None,
    needs_label: bool = True,
) -> Dataset:
    """Read the files of one split into memory.

    Args:
        section: What the recipe says about data.
        root: Folder that relative paths start from.
        split: Whose files.
        columns: Roles found on the training rows, so that all splits agree; None: inferred.
        needs_label: Whether rows without a target are refused.

    Raises:
        DataError: `E-DATA-008` more refused rows than allowed (all are listed), `E-DATA-009` no usable row; and
            whatever `locate`, the format and the columns raise.
    """
    asked = getattr(section, split)
    place = locate([asked] if isinstance(asked, str) else list(asked or ()), root, split)
    if columns is None:
        opened = open_files(
            place,
            section.format,
            text=section.text,
            label=section.label,
            group=section.group,
            needs_label=needs_label,
        )
    else:
        format = _implied(section.format, place)
        opened = Opened(place, reader(format), columns, describe(format, place))
    limit = 1.0 if section.on_bad_row == "skip" else section.max_bad_share
    return collect(opened, max_bad_share=limit, needs_label=needs_label)


def collect(opened: Opened, *, max_bad_share: float = 1.0, needs_label: bool = False) -> Dataset:
    """Bring the rows of opened files into memory.

    Raises:
        DataError: `E-DATA-008` if a larger share than `max_bad_share` (0 to 1) is refused, `E-DATA-009` if all are.
    """
    rows: list[Row] = []
    refused: list[Problem] = []
    for item in stream(opened, needs_label=needs_label):
        if isinstance(item, Row):
            rows.append(item)
        else:
            refused.append(item)
    _enough(rows, refused, max_bad_share, opened.paths)
    return Dataset(rows, opened.columns, refused, opened.description, opened.place.fingerprints())


def open_files(
    files: Place | Sequence[Path],
    format: Any = "auto",
    *,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    needs_label: bool = False,
) -> Opened:
    """Tell the format and the columns of files, reading no more than a sample of their rows.

    Args:
        files: Existing files of the same shape.
        format: A kind of `data.formats`, or the options of one.
        text: Column or columns that are read; None: inferred.
        label: Column or columns with the target; None: inferred.
        group: Column whose rows stay in one split; None: inferred.
        needs_label: Whether data without a target is an error.
    """
    place = files if isinstance(files, Place) else Place("", tuple(files))
    format = _implied(format, place)
    chosen = reader(format)
    sampled: list[Mapping[str, Any]] = []
    problems = list(place.skipped)
    for record in islice(_records(chosen, place.paths), SAMPLE_ROWS):
        if record.problem is None:
            sampled.append(record.values)
        else:
            problems.append(record.problem)
    if not sampled:
        raise _none_usable(problems, place.paths)
    where = place.name or str(place.paths[0])
    columns = roles.infer(sampled, where=where, text=text, label=label, group=group, needs_label=needs_label)
    return Opened(place, chosen, columns, describe(format, place))


def stream(opened: Opened, *, needs_label: bool = False) -> Iterator[Row | Problem]:
    """Yield the files' rows and refusals in order, one at a time."""
    yield from opened.place.skipped
    number = 0
    for path in opened.paths:
        for record in opened.format.records(path):
            where = f"{path}:{record.line}"
            problem = record.problem or role_problem(record.values, opened.columns, where, needs_label)
            if problem is not None:
                yield problem
                continue
            yield Row(number, str(path), record.line, record.values)
            number += 1


def role_problem(values: Mapping[str, Any], columns: Columns, where: str, needs_label: bool) -> Problem | None:
    """Return why a record cannot play its columns' roles, or None."""
    for name in columns.text:
        value = values.get(name)
        if is_empty(value):
            code = "E-DATA-121" if name in values else "E-DATA-125"
            return refuse(code, where, say("something in column {name}", name=name), _mend())
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            return refuse("E-DATA-122", where, say("text in column {name}", name=name), _mend())
    for name in columns.label:
        value = values.get(name)
        if isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value)
        ):
            return refuse(
                "E-DATA-124", where, say("a name, a number or a list of names in column {name}", name=name), _mend()
            )
        if needs_label and is_empty(value):
            return refuse("E-DATA-123", where, say("something in column {name}", name=name), _mend())
    return None


def reader(format: Any) -> Format:
    """Return the format that a kind's name, or its options, describe."""
    options = registry.config("data.formats", format)() if isinstance(format, str) else format
    built: Format = registry.build("data.formats", options)
    return built


def describe(format: Any, files: Place | Sequence[Path]) -> str:
    """Return the format of the first file with what was detected, in one sentence."""
    place = files if isinstance(files, Place) else Place("", tuple(files))
    options = registry.config("data.formats", format)() if isinstance(format, str) else format
    if options.kind == "auto":
        options = choose(place.paths[0])
    module = registry.module("data.formats", options.kind)
    said = str(module.describe(options, place.paths[0])) if hasattr(module, "describe") else str(options.kind)
    return ", ".join(filter(None, [said, place.note]))


def _implied(format: Any, place: Place) -> Any:
    """Return the format that the place asks for, unless the user chose one."""
    is_open = format == "auto" or getattr(format, "kind", "") == "auto"
    return place.format if is_open and place.format != "auto" else format


def _records(format: Format, paths: Sequence[Path]) -> Iterator[Record]:
    for path in paths:
        yield from format.records(path)


def _mend() -> str:
    return say("Fill it in, or leave such rows out: afina data fix FILE -o NEW.")


def _enough(rows: list[Row], refused: list[Problem], limit: float, paths: Sequence[Path]) -> None:
    if not rows:
        raise _none_usable(refused, paths)
    share = len(refused) / (len(rows) + len(refused))
    if share > limit:
        raise DataError(
            "E-DATA-008",
            say(
                "{bad} of {total} rows cannot be used ({share:.1%}).",
                bad=len(refused),
                total=len(rows) + len(refused),
                share=share,
            ),
            where=refused[0].where,
            expected=say("at most {limit:.1%}", limit=limit),
            mend=say("Mend them (afina data check lists all), or skip them: data.on_bad_row=skip."),
            problems=summarise(refused),
        )


def _none_usable(problems: Sequence[Problem], paths: Sequence[Path]) -> DataError:
    return DataError(
        "E-DATA-009",
        say("There is no row that can be used."),
        where=problems[0].where if problems else f"{paths[0]}:1",
        expected=say("at least one row with a text"),
        problems=summarise(problems),
    )
