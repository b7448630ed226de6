"""Which files of a folder belong to which split, told by their names as people and the Hub write them.

`train.csv` and `test.csv`, `data/validation-00000-of-00002.parquet`, `test/0000.parquet`: a split's word anywhere in
the file's name, or in the name of a folder above it. Without any such word all files are training rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

SplitName = Literal["train", "validation", "test"]
"""The three parts that rows are divided into."""

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
"""Endings of data files; the first of them is taken where the same rows seem to lie there in several formats."""

WORDS: dict[str, SplitName] = {
    **dict.fromkeys(("train", "training", "treino"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "validacao", "validação"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "teste"), "test"),
}
"""Words that name a split."""

_ABOUT = frozenset({"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json"})
"""Files that tell about rows and hold none."""

_NO_LETTER = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, slots=True)
class Parts:
    """A folder's data files, by split.

    Attributes:
        files: Names of each split's files, in order.
        left_out: Names of data files that were not chosen.
        sides: Folders of which each would do, when the choice among them is the user's; `files` is empty then.
    """

    files: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()


def split_of(name: str) -> SplitName | None:
    """Return the split that a name says, or None; in `test_of_training` the first word counts."""
    return next((WORDS[word] for word in words(name) if word in WORDS), None)


def words(name: str) -> list[str]:
    """Return the words of a file's or folder's name, lower-cased."""
    return [word for word in _NO_LETTER.split(name.lower()) if word]


def is_data(name: str) -> bool:
    """Return whether a file of this name, its folders included, may hold rows."""
    path = PurePosixPath(name)
    is_hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and path.name.lower() not in _ABOUT and not is_hidden


def divide(names: Iterable[str], wanted: str = "") -> Parts:
    """Divide data files by split.

    Args:
        names: Files, relative to their folder, with forward slashes.
        wanted: One split, or a word of the names of the files wanted; empty for all splits.
    """
    found = [name for name in sorted(names) if is_data(name)]
    chosen = found
    if wanted:
        split = WORDS.get(wanted.lower())
        chosen = [name for name in found if (_split_and_side(name)[0] == split if split else _has_word(name, wanted))]
        if split == "train" and not chosen:
            chosen = found if not any(_split_and_side(name)[0] for name in found) else []
    elif any(_split_and_side(name)[0] for name in found):
        chosen = [name for name in found if _split_and_side(name)[0]]
    sides = {_split_and_side(name)[1] for name in chosen}
    if len(sides) > 1:
        return Parts({}, sides=tuple(sorted(sides)))
    chosen = _one_format(chosen)
    files: dict[str, list[str]] = {}
    for name in chosen:
        files.setdefault(wanted or _split_and_side(name)[0] or "train", []).append(name)
    in_order = sorted(files, key=lambda split: _rank(split))
    left_out = tuple(name for name in found if name not in chosen) if not wanted else ()
    return Parts({split: tuple(files[split]) for split in in_order}, left_out)


def _split_and_side(name: str) -> tuple[SplitName | None, str]:
    """Return the split of a file, and the folder above the part of its name that says so."""
    path = PurePosixPath(name)
    parts = [*path.parts[:-1], path.name.partition(".")[0]]
    for depth in range(len(parts) - 1, -1, -1):
        split = split_of(parts[depth])
        if split:
            return split, "/".join(parts[:depth])
    return None, "/".join(parts[:-1])


def _has_word(name: str, wanted: str) -> bool:
    path = PurePosixPath(name)
    stem = path.name.partition(".")[0]
    return wanted.lower() in [*(part.lower() for part in path.parts[:-1]), stem.lower(), *words(stem)]


def _one_format(names: Sequence[str]) -> list[str]:
    """Return the files of one format: the one that most splits are written in, then the first of `SUFFIXES`."""
    by_suffix: dict[str, list[str]] = {}
    for name in names:
        by_suffix.setdefault(PurePosixPath(name).suffix.lower(), []).append(name)
    if len(by_suffix) <= 1:
        return list(names)
    best = min(
        by_suffix,
        key=lambda suffix: (-len({_split_and_side(name)[0] for name in by_suffix[suffix]}), SUFFIXES.index(suffix)),
    )
    return by_suffix[best]


def _rank(split: str) -> tuple[int, str]:
    order = get_args(SplitName)
    return (order.index(split) if split in order else len(order), split)
