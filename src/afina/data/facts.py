"""What the checks need to know of each row, as columns of numbers: the rows themselves pass by and are forgotten.

About 36 bytes a row, and 512 more for the near-duplicate signatures of the first 300,000.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afina.base.errors import Problem
from afina.data import duplicates, mojibake, personal
from afina.data.contract import Columns, Row
from afina.data.identity import joined, normalised, number, spelled, split
from afina.data.profile import is_empty

MAX_SIGNATURES = 300_000
"""Rows of a source that are compared for near duplicates; 512 bytes each."""

CountTokens = Callable[[Sequence[tuple[str, ...]]], Sequence[int]]
"""Gives the number of tokens of each text, or pair of texts, as the base's processor counts them."""

_BLOCK = 2000


@dataclass(slots=True)
class Facts:
    """The facts of one source of rows; row i is the i-th usable one.

    Attributes:
        columns: The columns' roles.
        files: Names of the files.
        refused: One problem per unusable record.
        file_index: Which of `files` each row is in.
        line: Line where each row starts.
        same: A number per text; equal when texts differ only in case, width and spacing.
        words: A number per text; equal when texts have the same words in the same order, whatever the punctuation.
        label_index: Which of `labels` each row has, -1 for none.
        labels: The different label sets seen, each a tuple of names; one name for single-label data.
        length: Tokens of each text, or characters when nothing counts tokens.
        counts_tokens: Whether `length` is in tokens.
        digests: Near-duplicate signatures of the first rows, shape (min(N, 300000), 128).
        broken: Rows whose text was decoded with the wrong encoding.
        personal: Row, kind and hint of each piece of personal data.
    """

    columns: Columns
    counts_tokens: bool
    files: list[str] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    file_index: array[int] = field(default_factory=lambda: array("Q"))
    line: array[int] = field(default_factory=lambda: array("q"))
    same: array[int] = field(default_factory=lambda: array("Q"))
    words: array[int] = field(default_factory=lambda: array("Q"))
    label_index: array[int] = field(default_factory=lambda: array("q"))
    labels: list[tuple[str, ...]] = field(default_factory=list)
    length: array[int] = field(default_factory=lambda: array("Q"))
    digests: np.ndarray = field(default_factory=lambda: duplicates.signatures([]))
    broken: list[int] = field(default_factory=list)
    personal: list[tuple[int, str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.line)

    def where(self, row: int) -> str:
        """Return `file:line` of a row."""
        return f"{self.files[self.file_index[row]]}:{self.line[row]}"


def gather(items: Iterable[Row | Problem], columns: Columns, count_tokens: CountTokens | None = None) -> Facts:
    """Read rows once and keep what the checks need.

    Args:
        items: Rows and refusals, as `source.stream` yields them, or a data set's rows.
        columns: The columns' roles.
        count_tokens: Counts tokens; None: characters are counted.
    """
    facts = Facts(columns, counts_tokens=count_tokens is not None)
    labels: dict[tuple[str, ...], int] = {}
    # Pages that are never written take no memory, so the room can be made for as many rows as there may be.
    digests = np.empty((MAX_SIGNATURES, duplicates.NUM_PERMUTATIONS), dtype=np.uint32)
    texts: list[str] = []
    for item in items:
        if isinstance(item, Problem):
            facts.refused.append(item)
            continue
        texts.append(_note(facts, item, labels))
        if len(texts) == _BLOCK:
            _note_block(facts, texts, digests, count_tokens)
            texts = []
    _note_block(facts, texts, digests, count_tokens)
    facts.labels = list(labels)
    facts.digests = digests[: min(len(facts), MAX_SIGNATURES)]
    return facts


def label_names(row: Row, columns: Columns) -> tuple[str, ...]:
    """Return the names of a row's labels as written: one, several, or none.

    One 0/1 column per class gives the names of the columns that are 1.
    """
    if len(columns.label) > 1:
        return tuple(
            name for name in columns.label if str(row.values.get(name)).strip().lower() in ("1", "1.0", "true")
        )
    value: Any = row.values.get(columns.label[0]) if columns.label else None
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return () if is_empty(value) else (str(value),)


def _note(facts: Facts, row: Row, labels: dict[tuple[str, ...], int]) -> str:
    number_of_row = len(facts)
    if not facts.files or facts.files[-1] != row.file:
        facts.files.append(row.file)
    facts.file_index.append(len(facts.files) - 1)
    facts.line.append(row.line)
    text = joined(row.values, facts.columns.text)
    plain = normalised(text)
    facts.same.append(number(plain))
    facts.words.append(number(spelled(plain)))
    names = label_names(row, facts.columns)
    facts.label_index.append(labels.setdefault(names, len(labels)) if names or len(facts.columns.label) > 1 else -1)
    if mojibake.is_broken(text):
        facts.broken.append(number_of_row)
    facts.personal.extend((number_of_row, place.kind, place.hint) for place in personal.find(text))
    return text


def _note_block(facts: Facts, texts: list[str], digests: np.ndarray, count_tokens: CountTokens | None) -> None:
    if not texts:
        return
    width = len(facts.columns.text)
    lengths = map(len, texts) if count_tokens is None else count_tokens([split(text, width) for text in texts])
    facts.length.extend(lengths)
    start = len(facts) - len(texts)
    if start < MAX_SIGNATURES:
        signed = duplicates.signatures([normalised(text) for text in texts[: MAX_SIGNATURES - start]])
        digests[start : start + len(signed)] = signed
