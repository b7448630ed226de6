"""A YAML 1.2 text as plain values, with the line and column of every key, within safe limits.

The parser's events are consumed directly: no object is ever constructed from a tag, an alias counts as much as the
value it repeats (so a small text cannot grow into a large one), and a position survives for every key and value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from afina.base.errors import RecipeError
from afina.base.messages import say

MAX_BYTES = 1_000_000
"""Largest recipe that is read."""
MAX_DEPTH = 50
"""Deepest nesting that is read."""
MAX_VALUES = 10_000
"""Most values a recipe may hold, those repeated by aliases included."""

Path = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top."""


class Mark(NamedTuple):
    """A place in a text, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """One YAML document.

    Attributes:
        tree: The top-level mapping, of plain values.
        keys: Where each key stands; an item of a list stands where its value does.
        values: Where each value stands. Values repeated by an alias stand at the alias.
    """

    tree: dict[str, Any]
    keys: Mapping[Path, Mark]
    values: Mapping[Path, Mark]


def decode(content: bytes, file: str) -> str:
    """Return the text of a recipe's bytes.

    Raises:
        RecipeError: If it is too large, is not UTF-8, or has characters that are no text.
    """
    if len(content) > MAX_BYTES:
        _refuse(
            file,
            Mark(1, 1),
            say("The recipe is larger than {limit} bytes.", limit=MAX_BYTES),
            mend=say("Name a recipe file, not a data file."),
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        mark = Mark(before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1)
        _refuse(
            file, mark, say("The recipe is not UTF-8 text."), mend=say("Save the file again with the encoding UTF-8.")
        )
    return text


def parse(text: str, file: str) -> Document:
    """Read one YAML 1.2 document whose top is a mapping.

    Args:
        text: The document.
        file: Its name, for messages.

    Raises:
        RecipeError: If it is not valid YAML, breaks a limit, uses a tag, repeats a key, or is not a mapping.
    """
    _refuse_control_characters(text, file)
    reader = _Reader(file)
    tree = _read(text, reader)
    if not isinstance(tree, dict):
        _refuse(file, reader.values[()], say("A recipe is a mapping of sections, such as `tuning: full`."))
    return Document(tree, reader.keys, reader.values)


def parse_value(text: str, name: str) -> Any:
    """Return the single value that `text` spells in YAML, as on the right of `training.epochs=`; nothing is null.

    Raises:
        RecipeError: As `parse` does, with the place inside the value.
    """
    _refuse_control_characters(text, name)
    return _read(text, _Reader(name)) if text.strip() else None


def _read(text: str, reader: _Reader) -> Any:
    file = reader.file
    try:
        return reader.document(text)
    except RecipeError:
        raise
    except MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place is not None else Mark(1, 1)
        tab = "\t" in str(error.problem or "") or "'\\t'" in str(error.problem or "")
        _refuse(
            file,
            mark,
            say("This is not valid YAML: {reason}.", reason=error.problem or error.context or type(error).__name__),
            mend=say("Indent with spaces, not with tabs.")
            if tab
            else say("Check the colons, quotes and indentation here."),
        )
    except ValueError:  # the parser's own slip on an escape beyond the last character, such as \U00110000
        _refuse(file, reader.last, say("The escape here spells no character."))
    except YAMLError as error:
        _refuse(file, Mark(1, 1), say("This is not valid YAML: {reason}.", reason=type(error).__name__))


def _refuse(file: str, mark: Mark, what: str, *, expected: str = "", mend: str = "") -> NoReturn:
    raise RecipeError("E-RECIPE-002", what, where=f"{file}:{mark.line}:{mark.column}", expected=expected, mend=mend)


def _refuse_control_characters(text: str, file: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.isprintable():
            continue
        for column, character in enumerate(line, start=1):
            code = ord(character)
            if (
                (code < 32 and character not in "\t\r")
                or 127 <= code < 160
                or 0xD800 <= code < 0xE000
                or code in (0xFFFE, 0xFFFF)
            ):
                _refuse(
                    file,
                    Mark(number, column),
                    say("The character U+{code} does not belong in a text.", code=f"{code:04X}"),
                    mend=say("Name a recipe file, written in a text editor."),
                )


@dataclass(frozen=True)
class _Value:
    """A value with what it weighs: how many values it holds, and how deep they nest."""

    plain: Any
    num_values: int = 1
    depth: int = 0


@dataclass
class _Reader:
    file: str
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)
    anchors: dict[str, _Value] = field(default_factory=dict)
    num_values: int = 0
    last: Mark = Mark(1, 1)

    def document(self, text: str) -> Any:
        self.yaml = YAML(typ="safe", pure=True)
        events = iter(self.yaml.parse(text))
        next(events)  # the stream's start
        start = next(events)
        if not isinstance(start, DocumentStartEvent):
            self.refuse_empty()
        if start.version or start.tags:
            self.refuse(start, say("Directives (lines that start with %) are not supported in a recipe."))
        first = next(events)
        value = self.read(first, events, ())
        next(events)  # the document's end
        following = next(events)
        if isinstance(following, DocumentStartEvent):
            self.refuse(following, say("A recipe is one document; a second one starts here."))
        return value.plain

    def read(self, event: Any, events: Iterator[Any], path: Path) -> _Value:
        is_nothing = isinstance(event, ScalarEvent) and event.style is None and not event.value
        # The parser puts an absent value where the next word stands, which may be lines below.
        self.values[path] = self.keys.get(path, _mark(event)) if is_nothing else _mark(event)
        if isinstance(event, AliasEvent):
            return self.repeat(event)
        self.count(event, 1)
        if event.tag is not None and str(event.tag) != "!":
            self.refuse(event, say("Tags such as {tag} are not supported in a recipe.", tag=str(event.tag)[:40]))
        if len(path) >= MAX_DEPTH:
            self.refuse(event, say("The recipe nests deeper than {limit} levels.", limit=MAX_DEPTH))
        if isinstance(event, MappingStartEvent):
            value = self.mapping(events, path)
        elif isinstance(event, SequenceStartEvent):
            value = self.sequence(events, path)
        else:
            value = _Value(self.scalar(event))
        if event.anchor:
            self.anchors[event.anchor] = value
        return value

    def mapping(self, events: Iterator[Any], path: Path) -> _Value:
        plain: dict[str, Any] = {}
        num_values, depth = 1, 0
        while not isinstance(event := next(events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self.refuse(event, say("A key must be a plain text."))
            self.count(event, 1)
            key = str(event.value)
            if key in plain:
                first = self.keys[*path, key]
                self.refuse(
                    event,
                    say("The key {key} stands twice in the same section.", key=repr(key[:40])),
                    mend=say("Remove one of them; the first is on line {line}.", line=first.line),
                )
            self.keys[*path, key] = _mark(event)
            plain[key] = None
            value = self.read(next(events), events, (*path, key))
            plain[key] = value.plain
            num_values, depth = num_values + value.num_values + 1, max(depth, value.depth + 1)
        return _Value(plain, num_values, depth)

    def sequence(self, events: Iterator[Any], path: Path) -> _Value:
        plain: list[Any] = []
        num_values, depth = 1, 0
        while not isinstance(event := next(events), SequenceEndEvent):
            value = self.read(event, events, (*path, len(plain)))
            plain.append(value.plain)
            num_values, depth = num_values + value.num_values, max(depth, value.depth + 1)
        return _Value(plain, num_values, depth)

    def repeat(self, event: Any) -> _Value:
        if event.anchor not in self.anchors:
            self.refuse(
                event, say("The alias *{name} repeats a value that is not complete yet.", name=str(event.anchor)[:40])
            )
        value = self.anchors[event.anchor]
        self.count(event, value.num_values)
        if value.depth > MAX_DEPTH:
            self.refuse(event, say("The recipe nests deeper than {limit} levels.", limit=MAX_DEPTH))
        return value

    def scalar(self, event: Any) -> Any:
        text = str(event.value)
        if any(0xD800 <= ord(character) < 0xE000 or character == "\0" for character in text):
            self.refuse(event, say("The escape here spells no character."))
        if event.style is not None or not event.implicit[0]:
            return text
        tag = str(self.yaml.resolver.resolve(ScalarNode, text, event.implicit)).rpartition(":")[2]
        node = ScalarNode(tag=tag, value=text)
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag not in ("int", "float"):
            return text
        if len(text) > 400:
            self.refuse(event, say("The number here has too many digits."))
        construct = (
            self.yaml.constructor.construct_yaml_int if tag == "int" else self.yaml.constructor.construct_yaml_float
        )
        return construct(node)

    def count(self, event: Any, num_values: int) -> None:
        self.last = _mark(event)
        self.num_values += num_values
        if self.num_values > MAX_VALUES:
            self.refuse(event, say("The recipe holds more than {limit} values.", limit=MAX_VALUES))

    def refuse(self, event: Any, what: str, *, mend: str = "") -> NoReturn:
        _refuse(self.file, _mark(event), what, mend=mend)

    def refuse_empty(self) -> NoReturn:
        _refuse(
            self.file,
            Mark(1, 1),
            say("The recipe is empty."),
            mend=say("Write at least `base:`, `data:` and `tuning:`."),
        )


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
