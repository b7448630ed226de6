"""Where rows stand: files, a folder, or a data set on the Hub; and which of their files one split is read from.

A folder is read in one of two ways: a folder of `.txt` files per class (below `train/`, `validation/`, `test/` or not),
or data files whose names say the split. `#test` behind a folder or a data set chooses one split of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar, get_args

from afina.base.errors import DataError, Problem
from afina.base.messages import say
from afina.data import class_folders, hub, parts
from afina.data.parts import SplitName

Found = TypeVar("Found")


class Asked(Protocol):
    """What is asked for of each split; the recipe's data section satisfies it."""

    @property
    def train(self) -> str | Sequence[str]:
        """Where the training rows stand."""
        ...

    @property
    def validation(self) -> str | Sequence[str] | None:
        """Where the rows that choose stand, if given."""
        ...

    @property
    def test(self) -> str | Sequence[str] | None:
        """Where the rows that judge stand, if given."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """The files that one split is read from.

    Attributes:
        name: The place in full, as a recipe may spell it; empty for plain files.
        paths: The files, in order.
        format: Kind of format that the place itself asks for; `auto` where the files say.
        origin: What stands for a file in fingerprints, by path, where that is not the path.
        skipped: One problem per file that cannot hold a row.
        note: What else a user must know, one sentence, or empty.
    """

    name: str
    paths: tuple[Path, ...]
    format: str = "auto"
    origin: tuple[str, ...] = ()
    skipped: tuple[Problem, ...] = ()
    note: str = ""

    @property
    def is_class_folders(self) -> bool:
        """Whether every file is one row, and its folder's name the label."""
        return self.format == "text"

    @property
    def short_name(self) -> str:
        """A word or two for it: the file's name, or the folder's or the data set's."""
        return short_name(self.name) if self.name else self.paths[0].name

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of each file by its name, hexadecimal; of a folder of texts, one for all of them."""
        if self.is_class_folders:
            digest = hashlib.sha256()
            for path in self.paths:
                digest.update(f"{path.parent.name}/{path.name}\0{sha256(path)}\n".encode())
            return {self.name: digest.hexdigest()}
        names = self.origin or tuple(map(str, self.paths))
        return {name: sha256(path) for name, path in zip(names, self.paths, strict=True)}


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(asked: Iterable[str | Path], root: Path, split: SplitName = "train") -> Place:
    """Return the files of a split.

    Args:
        asked: Files, folders or data sets on the Hub, relative ones from `root`.
        root: Folder that relative paths start from.
        split: Which part of a folder or a data set is meant when it has several.

    Raises:
        DataError: `E-DATA-001`, listing all files that are missing; `E-DATA-014` a folder without rows, `E-DATA-015` a
            folder without that split, `E-DATA-016` one with several sets of rows; and what the Hub refuses.
    """
    names = list(asked)
    _refuse_missing([root / name for name in names if not _is_whole(str(name), root)])
    found = [_place(name, root, split) for name in names]
    if len(found) == 1:
        return found[0]
    return Place(
        name="",
        paths=tuple(path for place in found for path in place.paths),
        format="text" if any(place.is_class_folders for place in found) else "auto",
        origin=tuple(name for place in found for name in place.origin or map(str, place.paths)),
        skipped=tuple(problem for place in found for problem in place.skipped),
        note=" ".join(place.note for place in found if place.note),
    )


def settle(asked: Asked, root: Path) -> dict[SplitName, str]:
    """Return how the places of all splits are spelled in full, where that is not how they were asked for.

    Splits that lie in the training rows' folder or data set, and were not asked for elsewhere, are found. A data set on
    the Hub is pinned to its commit, so that a run that is gone on with reads the same rows.

    Raises:
        DataError: As `locate`.
    """
    whole = splits_in(asked.train, root) if isinstance(asked.train, str) else {}
    settled: dict[SplitName, str] = {}
    for split in get_args(SplitName):
        given = getattr(asked, split)
        if given is not None and not isinstance(given, str):
            continue
        found = whole if split == "train" or given is None else splits_in(given, root)
        only = next(iter(found.values())) if given is not None and len(found) == 1 else None
        full = found.get(split, only)
        if full is not None and full != given:
            settled[split] = full
    return settled


def splits_in(name: str, root: Path) -> dict[SplitName, str]:
    """Return how each split that lies in a folder or a data set is spelled in full; nothing for a plain file.

    Raises:
        DataError: As `locate`.
    """
    if not _is_whole(name, root):
        return {}
    if hub.is_hub(name):
        listed = hub.listing(hub.parse(name))
        whole, chosen = str(replace(listed.name, split="")), listed.name.split
        found: Iterable[str] = _chosen(whole, parts.divide(listed.files, chosen)).files
    else:
        folder, chosen = _folder_and_split(name, root)
        inside = _inside(folder, chosen)
        whole, found = str(folder), inside.files if isinstance(inside, parts.Parts) else inside
    if chosen:
        return {"train": f"{whole}#{chosen}"}
    return {split: f"{whole}#{split}" for split in get_args(SplitName) if split in found}


def short_name(name: str) -> str:
    """Return a word or two that a run over this place may be called by."""
    if hub.is_hub(name):
        asked = hub.parse(name)
        return "-".join([asked.repo.partition("/")[2], *filter(None, [Path(asked.folder).stem])])
    return Path(name if Path(name).exists() else name.partition("#")[0]).stem


def _is_whole(name: str, root: Path) -> bool:
    """Return whether a name means a folder or a data set, which may hold several splits."""
    return hub.is_hub(name) or _folder_and_split(name, root)[0].is_dir()


def _folder_and_split(name: str, root: Path) -> tuple[Path, str]:
    path = root / name
    if not path.exists() and "#" in name:
        folder, _, split = str(path).rpartition("#")
        if Path(folder).is_dir():
            return Path(folder), split
    return path, ""


def _refuse_missing(files: Sequence[Path]) -> None:
    missing = [Problem(what=say("The file does not exist."), where=str(path)) for path in files if not path.is_file()]
    if missing:
        folder = files[0].parent
        nearby = sorted(path.name for path in folder.glob("*") if path.is_file())[:10]
        raise DataError(
            "E-DATA-001",
            say("A data file does not exist: {path}", path=missing[0].where),
            where=missing[0].where,
            expected=", ".join(nearby),
            mend=say("Check the path; a relative one starts from the recipe's folder."),
            problems=tuple(missing[1:]),
        )


def _place(name: str | Path, root: Path, split: SplitName) -> Place:
    if not _is_whole(str(name), root):
        return Place("", (root / name,))
    if hub.is_hub(name):
        return _from_hub(hub.parse(str(name)), split)
    folder, chosen = _folder_and_split(str(name), root)
    found = _inside(folder, chosen)
    if isinstance(found, parts.Parts):
        part, files = _pick(str(folder), found.files, chosen or split)
        return Place(f"{folder}#{part}", tuple(folder / file for file in files), note=_left_out(found))
    return _texts(folder, found, chosen or split)


def _from_hub(name: hub.HubName, split: SplitName) -> Place:
    listed = hub.listing(name)
    whole, chosen = str(replace(listed.name, split="")), listed.name.split
    divided = _chosen(whole, parts.divide(listed.files, chosen))
    part, files = _pick(whole, divided.files, chosen or split)
    # All splits at once, so that a later run without a network finds the data set whole.
    every = [name for names in divided.files.values() for name in names]
    paths = dict(zip(every, hub.fetch(listed.name, every), strict=True))
    return Place(
        name=f"{whole}#{part}",
        paths=tuple(paths[file] for file in files),
        origin=tuple(str(hub.file_of(listed.name, file)) for file in files),
        note=_left_out(divided),
    )


def _inside(folder: Path, chosen: str) -> class_folders.Classes | parts.Parts:
    """Return the class folders in a folder, or its data files."""
    classes = class_folders.find(folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [name for name in names if parts.is_data(name)]
    if classes and files:
        raise DataError(
            "E-DATA-016",
            say("The folder holds folders of texts and data files too; which of them are the rows cannot be told."),
            where=str(folder),
            expected=", ".join([*sorted({name for found in classes.values() for name in found}), *files][:10]),
            mend=say("Name the file, or move one of them elsewhere."),
        )
    return classes or _chosen(str(folder), parts.divide(files, chosen))


def _texts(folder: Path, classes: class_folders.Classes, split: str) -> Place:
    part, found = _pick(str(folder), classes, split)
    listed = [class_folders.texts(path) for path in found.values()]
    paths = tuple(path for each in listed for path in each.paths)
    return Place(
        name=f"{folder}#{part}",
        paths=paths,
        format="text",
        skipped=tuple(problem for each in listed for problem in each.skipped),
        note=say("{num} folders, one per class", num=len(found)),
    )


def _chosen(whole: str, divided: parts.Parts) -> parts.Parts:
    """Return files by split, or refuse a place in which there are none, or several sets of them."""
    if divided.sides:
        sides = [side or "." for side in divided.sides]
        raise DataError(
            "E-DATA-016",
            say("{name} holds several sets of rows.", name=whole),
            where=whole,
            expected=", ".join(sides[:10]) + (", …" if len(sides) > 10 else ""),
            mend=say("Name the one you mean: {name}", name=_below(whole, divided.sides[-1])),
        )
    if not divided.files:
        raise DataError(
            "E-DATA-014",
            say("There are no rows in {name}.", name=whole),
            where=whole,
            expected=say("data files (CSV, TSV, JSON, JSONL, parquet), or one folder of .txt files per class"),
        )
    return divided


def _pick(whole: str, found: Mapping[str, Found], split: str) -> tuple[str, Found]:
    """Return a split of a place; where there is only one, that one, whatever it is called."""
    wanted = parts.WORDS.get(split.lower(), split)
    if split in found:
        return split, found[split]
    if wanted in found or len(found) == 1:
        part = wanted if wanted in found else next(iter(found))
        return part, found[part]
    raise DataError(
        "E-DATA-015",
        say("{name} has no split {split}.", name=whole, split=repr(split)),
        where=whole,
        expected=", ".join(found),
        mend=say("Choose another one: {name}", name=f"{whole}#{next(iter(found))}"),
    )


def _below(whole: str, side: str) -> str:
    if not hub.is_hub(whole):
        return str(Path(whole, side))
    return str(hub.file_of(replace(hub.parse(whole), revision=""), side))


def _left_out(divided: parts.Parts) -> str:
    if not divided.left_out:
        return ""
    shown = ", ".join(divided.left_out[:5]) + (", …" if len(divided.left_out) > 5 else "")
    return say("not read: {files}", files=shown)
