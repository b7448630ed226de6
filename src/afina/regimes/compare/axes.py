"""What the entries of a comparison differ in: dotted paths of the recipe, each with the values it takes.

`--tuning head,lora` is short for `--axis tuning=head,lora`. Values are spelled as in a recipe, so one of them may be
`{kind: lora, rank: 32}`. Several axes give every combination of their values.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from afina.base import registry
from afina.base.errors import Problem, RecipeError, UsageError
from afina.base.messages import say
from afina.recipe.document import parse_value
from afina.recipe.layers import override
from afina.recipe.problems import raise_all

OWN = ("seed", "output", "data.split.seed")
"""Paths that the comparison itself sets, the same for all entries or one per run."""

MOST_ENTRIES = 100
"""Entries of a comparison at most."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A path of the recipe, and what stands there in turn.

    Attributes:
        path: Dotted path, such as `tuning` or `training.learning_rate`.
        values: Plain values, in order.
    """

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of values.

    Attributes:
        name: What its folders are called.
        label: What people call it.
        values: Its value by path.
    """

    name: str
    label: str
    values: Mapping[str, Any]

    @property
    def overrides(self) -> list[str]:
        """The values as a recipe's overrides."""
        return [f"{path}={json.dumps(value)}" for path, value in self.values.items()]


def parse(texts: Sequence[str]) -> list[Axis]:
    """Read axes as a command line spells them, `training.epochs=3,5`; a list in brackets is taken as it is.

    Raises:
        RecipeError: If one cannot be understood; all that cannot are listed.
    """
    axes, problems = [], []
    for text in texts:
        split = override(text)
        if isinstance(split, Problem):
            problems.append(
                Problem(
                    what=say("The axis {text} cannot be understood.", text=repr(text[:60])),
                    expected=say("a dotted key, an equals sign and values with commas between them"),
                    mend="--axis training.epochs=3,5",
                )
            )
            continue
        path, spelled = ".".join(map(str, split[0])), split[1]
        axes.append(Axis(path, tuple(_values(spelled, path))))
    raise_all(problems, "", "E-COMPARE-001")
    return axes


def check(axes: Sequence[Axis]) -> None:
    """Refuse axes that give nothing to compare, or that the comparison sets itself.

    Raises:
        UsageError: With all problems found.
    """
    if not axes:
        raise UsageError(
            "E-COMPARE-002",
            say("Nothing is said of what to compare."),
            expected=say("techniques, such as {names}", names=", ".join(registry.names("tuning"))),
            mend="afina compare recipe.yaml --tuning head,full",
        )
    problems = list(_problems(axes))
    num_entries = 1
    for axis in axes:
        num_entries *= len(axis.values)
    if not problems and not 2 <= num_entries <= MOST_ENTRIES:
        problems.append(
            Problem(
                what=say("These axes give {count} entries.", count=num_entries),
                expected=say("2 to {most}", most=MOST_ENTRIES),
                mend="afina compare recipe.yaml --tuning head,full" if num_entries < 2 else "",
            )
        )
    if problems:
        first = problems[0]
        raise UsageError(
            "E-COMPARE-003",
            first.what,
            where=first.where,
            expected=first.expected,
            mend=first.mend,
            problems=tuple(problems[1:]),
        )


def cells(axes: Sequence[Axis]) -> list[Cell]:
    """Return every combination of the axes' values, the last axis changing fastest; names and labels differ."""
    found: list[Cell] = []
    taken: set[str] = set()
    for values in itertools.product(*(axis.values for axis in axes)):
        parts = [_spoken(axis.path, value) for axis, value in zip(axes, values, strict=True)]
        label = ", ".join(parts)
        plain = re.sub(r"[^\w.]+", "-", label).strip("-.").lower()[:48] or "entry"
        name = next(name for name in _numbered(plain) if name not in taken)
        taken.add(name)
        found.append(Cell(name, label, dict(zip((axis.path for axis in axes), values, strict=True))))
    return found


def short(value: Any) -> str:
    """Return a recipe's value in few words: `lora (rank 32)`."""
    if isinstance(value, Mapping) and "kind" in value:
        options = ", ".join(f"{key} {short(inner)}" for key, inner in value.items() if key != "kind")
        return f"{value['kind']} ({options})" if options else str(value["kind"])
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _spoken(path: str, value: Any) -> str:
    # A technique's name says by itself what it is; a number does not.
    is_named = isinstance(value, str) or (isinstance(value, Mapping) and "kind" in value)
    last = path.rpartition(".")[2]
    return short(value) if path == "tuning" and is_named else f"{last.replace('_', ' ')} {short(value)}"


def _values(spelled: str, path: str) -> list[Any]:
    try:
        whole = parse_value(spelled, path)
    except RecipeError:
        whole = None  # commas between values of their own make no YAML by themselves
    if isinstance(whole, list) and whole:
        return whole
    values: list[Any] = parse_value(f"[{spelled}]", path)
    return values


def _problems(axes: Sequence[Axis]) -> Iterator[Problem]:
    seen: list[str] = []
    for axis in axes:
        if axis.path in OWN or axis.path == "data.split":
            yield Problem(
                what=say("The comparison sets {path} itself, so that all entries are judged alike.", path=axis.path),
                where=axis.path,
                mend=say("Leave it out, and say how many seeds: --seeds 3"),
            )
        for other in seen:
            if f"{axis.path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{axis.path}."):
                yield Problem(
                    what=say("{first} and {second} overlap: one would undo the other.", first=other, second=axis.path),
                    where=axis.path,
                    mend=say("Spell the combinations out: --axis '{path}={{...}},{{...}}'", path=other),
                )
        seen.append(axis.path)
        spelled = [json.dumps(value, sort_keys=True) for value in axis.values]
        if twice := [value for value in dict.fromkeys(spelled) if spelled.count(value) > 1]:
            yield Problem(what=say("The value {value} stands there twice.", value=twice[0]), where=axis.path)
        if not axis.values:
            yield Problem(what=say("This axis has no values."), where=axis.path)


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))
