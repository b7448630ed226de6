"""One folder per class, one `.txt` file per row: what people have who sort texts by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afina.base.errors import Problem
from afina.data import parts
from afina.data.refusals import refuse

Classes = dict[str, dict[str, Path]]
"""The folder of each class by name, by split."""

_SYSTEM = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


@dataclass(frozen=True, slots=True)
class Texts:
    """A class's files.

    Attributes:
        paths: Its `.txt` files, in order.
        skipped: One problem per thing beside them, which is not read.
    """

    paths: tuple[Path, ...]
    skipped: tuple[Problem, ...]


def find(folder: Path) -> Classes:
    """Return the class folders in `folder`, by split; empty when there are none.

    `reviews/positive/1.txt` lies in the one split `train`, `reviews/test/positive/1.txt` in `test`.
    """
    splits: Classes = {}
    below = _folders(folder)
    for path in below:
        split = parts.WORDS.get(path.name.lower())
        classes = {inner.name: inner for inner in _folders(path) if _holds_text(inner)} if split else {}
        if split and classes:
            splits[split] = classes
    if splits:
        return {split: splits[split] for split in ("train", "validation", "test") if split in splits}
    classes = {path.name: path for path in below if _holds_text(path)}
    return {"train": classes} if classes else {}


def texts(folder: Path) -> Texts:
    """Return the texts of one class; whatever else lies in its folder is listed, files of the system left out."""
    inside = sorted(path for path in folder.iterdir() if not _is_systems(path))
    paths = tuple(path for path in inside if _is_text(path))
    return Texts(paths, tuple(_skipped(path) for path in inside if not _is_text(path)))


def _skipped(path: Path) -> Problem:
    return refuse("E-DATA-126" if path.is_file() else "E-DATA-127", f"{path}:1", ".txt")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_systems(path))


def _holds_text(folder: Path) -> bool:
    return any(_is_text(path) for path in folder.iterdir())


def _is_text(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and not _is_systems(path) and path.is_file()


def _is_systems(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _SYSTEM
