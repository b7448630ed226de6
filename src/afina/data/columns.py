"""Which column is read, which is the target, which keeps rows together: told by names and contents, with the reason."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from afina.base.errors import DataError
from afina.base.messages import say
from afina.data.contract import Columns
from afina.data.profile import Profile, names_of, profile
from afina.data.vocabulary import GROUP, GROUP_OWNERS, LABEL, PAIRS, TEXT, is_identifier, plain, rank, words


def infer(
    rows: Sequence[Mapping[str, Any]],
    *,
    where: str,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    needs_label: bool = False,
) -> Columns:
    """Return the roles of the columns of `rows`, a sample.

    Args:
        rows: Some hundred rows, as read.
        where: The file they came from, for messages.
        text: Column or columns that are read; None: inferred.
        label: Column or columns with the target; None: inferred.
        group: Column whose rows stay in one split; None: inferred.
        needs_label: Whether data without a target is an error.

    Raises:
        DataError: `E-DATA-011` a column that does not exist, `E-DATA-012` no or several possible text columns,
            `E-DATA-013` no or several possible label columns; each lists the columns seen.
    """
    profiles = {name: profile(name, rows) for name in names_of(rows)}
    asked_text, asked_label = _listed(text), _listed(label)
    _exist([*asked_text, *asked_label, *_listed(group)], profiles, where)
    reasons: dict[str, str] = {}
    taken = {*asked_text, *asked_label, *_listed(group)}
    free = [found for name, found in profiles.items() if name not in taken]
    texts = asked_text or _texts(free, asked_label, reasons, where)
    free = [found for found in free if found.name not in texts]
    labels = asked_label or _labels(free, reasons, where, needs_label)
    free = [found for found in free if found.name not in labels]
    return Columns(text=texts, label=labels, group=group or _group(free, reasons), reasons=reasons)


def _listed(names: str | Sequence[str] | None) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _exist(names: Sequence[str], profiles: Mapping[str, Profile], where: str) -> None:
    for name in names:
        if name not in profiles:
            near = difflib.get_close_matches(name, profiles, n=1) or [
                other for other in profiles if plain(other) == plain(name)
            ]
            raise DataError(
                "E-DATA-011",
                say("There is no column {name}.", name=repr(name)),
                where=f"{where}:1",
                expected=_seen(profiles.values()),
                mend=say("Did you mean {name}?", name=near[0]) if near else "",
            )


def _texts(free: list[Profile], labels: tuple[str, ...], reasons: dict[str, str], where: str) -> tuple[str, ...]:
    wordy = [
        found for found in free if found.is_plain and found.numeric_share < 0.5 and found.num_empty <= found.num_values
    ]
    names = {plain(found.name): found.name for found in wordy}
    for first, second in PAIRS:
        if first in names and second in names:
            reasons["text"] = say("a pair by their names")
            return names[first], names[second]
    named = _ranked(wordy, TEXT)
    # A name such as `avaliacao` stands for ratings as often as for reviews, and one word of a name proves little, so
    # there contents decide.
    certain = [found for found in named if plain(found.name) in TEXT and rank(found.name, LABEL) is None]
    reading_named = [found for found in named if found.reads_as_text or found in certain]
    named = reading_named or [found for found in named if not found.reads_as_label]
    if named:
        reasons["text"] = say("by its name")
        return (named[0].name,)
    reading = [found for found in free if found.reads_as_text and not is_identifier(found.name)]
    if len(reading) == 1:
        reasons["text"] = say("the only column with sentences")
        return (reading[0].name,)
    words_only = [found for found in wordy if not is_identifier(found.name)]
    if not reading and len(words_only) == 1 and (labels or len(free) == 1):
        reasons["text"] = say("the only column with words")
        return (words_only[0].name,)
    raise DataError(
        "E-DATA-012",
        say("Which column holds the text cannot be told."),
        where=f"{where}:1",
        expected=_seen(free),
        mend=say("Name it: data.text=COLUMN in the recipe, --text COLUMN on the command line."),
    )


def _labels(free: list[Profile], reasons: dict[str, str], where: str, needs_label: bool) -> tuple[str, ...]:
    usable = [found for found in free if (found.is_plain or found.is_list) and found.num_values]
    named = [found for found in _ranked(usable, LABEL) if not found.reads_as_text]
    if named:
        reasons["label"] = say("by its name")
        return (named[0].name,)
    candidates = [found for found in usable if not is_identifier(found.name) and plain(found.name) not in GROUP]
    binary = tuple(found.name for found in candidates if found.is_binary)
    if len(binary) > 1 and len(binary) == len([found for found in candidates if found.reads_as_label]):
        reasons["label"] = say("columns of zeros and ones, one per class")
        return binary
    likely = [found for found in candidates if found.reads_as_label or found.is_list]
    if len(likely) == 1:
        reasons["label"] = say("the only column with few, repeated values")
        return (likely[0].name,)
    if not likely and not needs_label:
        return ()
    raise DataError(
        "E-DATA-013",
        say("Which column holds the label cannot be told."),
        where=f"{where}:1",
        expected=_seen(free),
        mend=say("Name it: data.label=COLUMN in the recipe, --label COLUMN on the command line."),
    )


def _group(free: list[Profile], reasons: dict[str, str]) -> str | None:
    for found in free:
        if not found.repeats or not found.is_plain:
            continue
        owner = is_identifier(found.name) and GROUP_OWNERS.intersection(words(found.name))
        if plain(found.name) in GROUP or owner:
            reasons["group"] = say("by its name, and its values repeat")
            return found.name
    return None


def _ranked(profiles: list[Profile], vocabulary: tuple[str, ...]) -> list[Profile]:
    ranks = {found.name: rank(found.name, vocabulary) for found in profiles if not is_identifier(found.name)}
    return sorted(
        (found for found in profiles if ranks.get(found.name) is not None), key=lambda found: ranks[found.name] or 0
    )


def _seen(profiles: Any) -> str:
    shown = [
        say("{name} ({distinct} different values)", name=found.name, distinct=found.num_distinct) for found in profiles
    ]
    return say("one of: {columns}", columns=", ".join(shown) or say("none"))
