"""`afina data`: check rows, write a corrected copy, look at a few as the model will meet them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from afina.base.errors import UsageError
from afina.base.messages import say
from afina.cli import data_report, output

if TYPE_CHECKING:
    from afina.data.facts import Facts
    from afina.data.finding import Finding
    from afina.data.places import Place
    from afina.data.source import Opened
    from afina.models.processor import Processor

app = typer.Typer(help=say("Check, fix or preview the rows you want to learn from."), no_args_is_help=True)

TextOption = Annotated[
    list[str] | None, typer.Option("--text", help=say("Column that is read; twice for a pair. Inferred if absent."))
]
LabelOption = Annotated[
    list[str] | None, typer.Option("--label", help=say("Column with the target. Inferred if absent."))
]
GroupOption = Annotated[
    str | None, typer.Option("--group", help=say("Column whose rows stay in one split. Inferred if absent."))
]
FormatOption = Annotated[
    str, typer.Option("--format", help=say("How files are written: auto, csv, json, jsonl, parquet, text."))
]
BaseOption = Annotated[
    str | None, typer.Option("--base", help=say("Model whose tokenizer counts tokens, such as builtin:minilm."))
]


@dataclass(frozen=True)
class Asked:
    """The files of each split and how to read them, from options or from a recipe.

    Attributes:
        files: Where the rows stand, by the split's name.
        text: Columns that are read, if named.
        label: Columns with the target, if named.
        group: Column whose rows stay together, if named.
        format: A kind of format, or the options of one.
        base: What names a base, or None.
        max_tokens: Tokens per row that the recipe allows, or None.
        recipe: The recipe that was given, or None.
    """

    files: dict[str, Place]
    text: Sequence[str] | None = None
    label: Sequence[str] | None = None
    group: str | None = None
    format: Any = "auto"
    base: Any = None
    max_tokens: int | None = None
    recipe: Path | None = None


@app.command(
    help=say("Report everything that is wrong with data files, or with those of a recipe. Exit code 3 on errors.")
)
def check(
    files: Annotated[list[Path], typer.Argument(help=say("Data files of one split, or a recipe."))],
    against: Annotated[
        list[Path] | None, typer.Option("--against", help=say("File of another split: looks for rows in both."))
    ] = None,
    text: TextOption = None,
    label: LabelOption = None,
    group: GroupOption = None,
    format: FormatOption = "auto",
    base: BaseOption = None,
) -> None:
    """Report everything that is wrong with data files, or with those of a recipe."""
    from afina.data.examine import examine

    asked = _asked(files, against or [], Asked({}, text, label, group, format, _base(base)))
    processor = _processor(asked.base)
    opened = _open_splits(asked)
    facts = {name: _gather(name, split, processor) for name, split in opened.items()}
    limit = processor.max_tokens if processor else None
    max_tokens = min((each for each in (asked.max_tokens, limit) if each), default=None)
    findings = examine(facts, max_tokens=max_tokens)
    num_errors = sum(finding.severity == "error" for finding in findings)
    command = _next_command(asked, findings)
    data_report.show_check(opened, facts, findings, command)
    if num_errors:
        raise typer.Exit(data_report.DATA_INVALID)


@app.command(help=say("Write a corrected copy; the original is never touched."))
def fix(
    file: Annotated[Path, typer.Argument(help=say("The data file."))],
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help=say("The copy: .csv, .tsv, .jsonl or .json."))
    ] = None,
    dedup: Annotated[str, typer.Option("--dedup", help=say("Leave out copies of rows: none, exact or near."))] = "none",
    redact: Annotated[
        str | None, typer.Option("--redact", help=say("Replace personal data: br, or international."))
    ] = None,
    text: TextOption = None,
    label: LabelOption = None,
    group: GroupOption = None,
    format: FormatOption = "auto",
) -> None:
    """Write a corrected copy; the original is never touched."""
    from afina.data.fix import fix as write_fixed
    from afina.data.personal import SETS

    _one_of("--dedup", dedup, ("none", "exact", "near"))
    if redact is not None:
        _one_of("--redact", redact, tuple(SETS))
    opened = next(iter(_open_splits(_asked([file], [], Asked({}, text, label, group, format))).values()))
    copy = target or _clean_name(opened.place)
    fixed = write_fixed(
        opened,
        copy,
        deduplicate=dedup,  # type: ignore[arg-type]
        redact=SETS[redact] if redact else (),
        overwrite=copy.exists() and output.confirm(say("{path} exists. Replace it?", path=copy)),
    )
    data_report.show_fix(fixed)


@app.command(help=say("Show a few rows as the model will meet them."))
def preview(
    file: Annotated[Path, typer.Argument(help=say("The data file, or a recipe."))],
    rows: Annotated[int, typer.Option("--rows", "-n", min=1, max=1000, help=say("How many rows."))] = 5,
    text: TextOption = None,
    label: LabelOption = None,
    group: GroupOption = None,
    format: FormatOption = "auto",
    base: BaseOption = None,
) -> None:
    """Show a few rows as the model will meet them."""
    from afina.data.preview import preview as look
    from afina.data.source import stream

    asked = _asked([file], [], Asked({}, text, label, group, format, _base(base)))
    processor = _processor(asked.base)
    opened = next(iter(_open_splits(asked).values()))
    shown = look(stream(opened), opened.columns, rows, _tokenizer(processor))
    data_report.show_preview(opened, shown)


def _asked(files: Sequence[Path], against: Sequence[Path], given: Asked) -> Asked:
    from afina.data.parts import SplitName
    from afina.data.places import locate, settle, splits_in
    from afina.recipe.reading import read

    if len(files) == 1 and files[0].suffix.lower() in (".yaml", ".yml"):
        recipe = read(files[0]).recipe
        data = recipe.data
        found = settle(data, files[0].parent)
        named = {name: found.get(name, getattr(data, name)) for name in get_args(SplitName)}
        return Asked(
            {name: locate([path], files[0].parent, name) for name, path in named.items() if path is not None},
            given.text or data.text,
            given.label or data.label,
            given.group or data.group,
            data.format if given.format == "auto" else given.format,
            given.base or recipe.base,
            data.max_tokens if isinstance(data.max_tokens, int) else None,
            files[0],
        )
    splits: dict[str, Place] = {}
    whole = splits_in(str(files[0]), Path()) if len(files) == 1 else {}
    for name, path in whole.items():
        splits[name] = locate([path], Path(), name)
    for place in [*([] if whole else [locate(files, Path())]), *(locate([path], Path()) for path in against)]:
        short = place.short_name
        splits[short if short not in splits else str(place.paths[0])] = place
    return Asked(splits, given.text, given.label, given.group, given.format, given.base)


def _base(name: str | None) -> Any:
    from afina.recipe.schema import Base

    return Base(name=name) if name else None


def _processor(base: Any) -> Processor | None:
    if base is None:
        return None
    from afina.models import processor, sources

    return processor.load(sources.locate(base))


def _tokenizer(processor: Processor | None) -> Callable[[Sequence[str]], Sequence[str]] | None:
    if processor is None:
        return None
    tokenizer, limit = processor.tokenizer, processor.max_tokens

    def tokenize(texts: Sequence[str]) -> Sequence[str]:
        ids = tokenizer(*texts, truncation=True, max_length=limit)["input_ids"]
        return list(tokenizer.convert_ids_to_tokens(ids))

    return tokenize


def _open_splits(asked: Asked) -> dict[str, Opened]:
    from afina.data.source import open_files

    opened: dict[str, Opened] = {}
    for name, paths in asked.files.items():
        first = next(iter(opened.values()), None)
        # All splits take the roles that the first one's columns were found to have.
        text, label, group = (asked.text, asked.label, asked.group) if first is None else _named(first)
        opened[name] = open_files(paths, asked.format, text=text, label=label, group=group)
    return opened


def _named(opened: Opened) -> tuple[Sequence[str], Sequence[str] | None, str | None]:
    return opened.columns.text, opened.columns.label or None, opened.columns.group


def _gather(name: str, opened: Opened, processor: Processor | None) -> Facts:
    from afina.data.facts import gather
    from afina.data.source import stream

    output.detail(say("reading {name}", name=name))
    items = stream(opened, needs_label=bool(opened.columns.label))
    return gather(items, opened.columns, processor.count if processor else None)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        what = say("{option} does not take {value}.", option=option, value=repr(value))
        raise UsageError("E-USAGE-002", what, expected=", ".join(allowed))


def _clean_name(place: Place) -> Path:
    from afina.data.fix import WRITES

    path = Path(place.short_name) if place.name else place.paths[0]
    return path.with_name(f"{path.stem}-clean{path.suffix if path.suffix.lower() in WRITES else '.csv'}")


def _next_command(asked: Asked, findings: Sequence[Finding]) -> str:
    unusable = [finding for finding in findings if finding.code < "E-DATA-200"]
    mendable = [*unusable, *(finding for finding in findings if finding.mend.startswith("afina data fix"))]
    mends = [finding.mend for finding in mendable]
    place = next(iter(asked.files.values()))
    path = place.name or str(place.paths[0])
    if mendable:
        # A copy has one original: of several files, the first that needs mending.
        place, path = _original(asked.files.values(), mendable[0]) or (place, path)
        words = ["afina", "data", "fix", path, "-o", str(_clean_name(place))]
        words += ["--redact", "br"] if any("--redact" in mend for mend in mends) else []
        near, exact = (any(f"--dedup {kind}" in mend for mend in mends) for kind in ("near", "exact"))
        words += ["--dedup", "near" if near else "exact"] if near or exact else []
    elif asked.recipe is not None:
        words = ["afina", "train", str(asked.recipe)]
    else:
        words = ["afina", "data", "preview", path]
    return shlex.join(words)


def _original(places: Iterable[Place], finding: Finding) -> tuple[Place, str] | None:
    from afina.data.places import Place

    for place in places:
        for path in place.paths:
            if _is_in(path, finding):
                return (place, place.name) if place.name else (Place("", (path,)), str(path))
    return None


def _is_in(path: Path, finding: Finding) -> bool:
    return finding.rows[0].startswith(f"{path}:")
