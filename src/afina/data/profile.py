"""What a column's values look like, seen on a sample of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_CLASSES = 300
"""More distinct values than this do not look like classes."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A column in figures.

    Attributes:
        name: Its name.
        num_values: Values seen that are not empty.
        num_empty: Values seen that are empty or missing.
        num_distinct: Different values.
        mean_characters: Mean length of a value as text.
        mean_words: Mean number of words.
        numeric_share: Share of values that are numbers.
        is_plain: Whether every value is text, a number or true/false (not a list or an object).
        is_binary: Whether every value is 0 or 1 (or true/false), and both occur.
        is_list: Whether every value is a list of texts or numbers: several labels at once.
    """

    name: str
    num_values: int
    num_empty: int
    num_distinct: int
    mean_characters: float
    mean_words: float
    numeric_share: float
    is_plain: bool
    is_binary: bool
    is_list: bool

    @property
    def reads_as_text(self) -> bool:
        """Whether the values look like something to read."""
        return self.is_plain and self.numeric_share < 0.5 and self.mean_words >= 2.5

    @property
    def reads_as_label(self) -> bool:
        """Whether the values look like classes: few, short, and coming again."""
        few = 1 < self.num_distinct <= min(MAX_CLASSES, max(2, self.num_values // 2))
        return self.is_plain and few and self.mean_words <= 4 and self.mean_characters <= 50 and not self.num_empty

    @property
    def repeats(self) -> bool:
        """Whether values come more than once."""
        return self.num_distinct < self.num_values


def profile(name: str, rows: Sequence[Mapping[str, Any]]) -> Profile:
    """Return the figures of column `name` over `rows`."""
    values = [row[name] for row in rows if not is_empty(row.get(name))]
    texts = [str(value).strip() for value in values]
    num = max(len(texts), 1)
    return Profile(
        name=name,
        num_values=len(values),
        num_empty=len(rows) - len(values),
        num_distinct=len(set(texts)),
        mean_characters=sum(map(len, texts)) / num,
        mean_words=sum(len(text.split()) for text in texts) / num,
        numeric_share=sum(map(is_number, values)) / num,
        is_plain=all(isinstance(value, (str, int, float, bool)) for value in values),
        is_binary=set(texts) in ({"0", "1"}, {"0.0", "1.0"}, {"True", "False"}),
        is_list=bool(values) and all(_is_label_list(value) for value in values),
    )


def names_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return every column name of `rows` in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def is_empty(value: Any) -> bool:
    """Return whether a value is missing: None, or text of nothing but space."""
    return value is None or (isinstance(value, str) and not value.strip())


def is_number(value: Any) -> bool:
    """Return whether a value is a number, or text that spells one."""
    if isinstance(value, (int, float)):
        return True
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_label_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value)
