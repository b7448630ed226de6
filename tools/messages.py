"""Compile the translations, and find sentences without one.

Every `locale/<language>/*.po`, one per floor, goes into that language's one `afina.mo`. The source is read as syntax
trees: whatever stands in `say("...")` must be a literal, must be translated, and must keep its placeholders.

    python tools/messages.py           compile, then list what is missing, file by file
    python tools/messages.py --check   write nothing; fail when something is missing or the compiled file is stale
"""

from __future__ import annotations

import ast
import io
import string
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[1]
"""The repository's root."""
SOURCE = ROOT / "src" / "afina"
"""Where sentences stand."""
LOCALE = SOURCE / "base" / "locale"
"""Where the catalogues live."""

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Sentence:
    """One `say(...)` in the source.

    Attributes:
        text: The English sentence; None when it is not a literal.
        where: `file:line` from the repository's root.
        values: Names given beside it; None when they cannot be read off the source.
    """

    text: str | None
    where: str
    values: frozenset[str] | None


@dataclass(frozen=True)
class Translation:
    """One entry of a catalogue.

    Attributes:
        text: The English sentence.
        translated: What stands for it; empty when nothing does yet.
        where: `file:line` from the repository's root.
    """

    text: str
    translated: str
    where: str


def sentences() -> Iterator[Sentence]:
    """Yield every sentence of the package, file by file."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("say", "messages.say") and node.args:
                first = node.args[0]
                is_literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
                names = [keyword.arg for keyword in node.keywords]
                yield Sentence(
                    text=str(first.value) if is_literal else None,  # type: ignore[attr-defined]
                    where=f"{path.relative_to(ROOT).as_posix()}:{node.lineno}",
                    values=None if None in names else frozenset(name for name in names if name),
                )


def translations(language: str) -> Iterator[Translation]:
    """Yield every entry of a language's catalogues, floor by floor."""
    for path in sorted((LOCALE / language).glob("*.po")):
        with path.open("rb") as file:
            floor = read_po(file, locale=language, abort_invalid=True)
        for message in floor:
            if message.id:
                where = f"{path.relative_to(ROOT).as_posix()}:{message.lineno}"
                yield Translation(str(message.id), str(message.string or ""), where)


def languages() -> list[str]:
    """Return the languages that have catalogues."""
    return sorted(path.name for path in LOCALE.iterdir() if path.is_dir())


def problems(language: str) -> list[str]:
    """Return what is wrong between the source and a language's catalogues, one line each, sorted by file."""
    known: dict[str, Translation] = {}
    found = []
    for entry in translations(language):
        first = known.setdefault(entry.text, entry)
        if first.translated != entry.translated:
            found.append(f"{entry.where}: translated differently in {first.where}: {entry.text!r}")
        if placeholders(entry.text) != placeholders(entry.translated) and entry.translated:
            found.append(f"{entry.where}: the placeholders differ: {entry.text!r}")
    used = set()
    for sentence in sentences():
        if sentence.text is None:
            found.append(f"{sentence.where}: what is said is not a literal sentence")
            continue
        used.add(sentence.text)
        if sentence.values and sentence.values != placeholders(sentence.text):
            found.append(f"{sentence.where}: the values do not match the placeholders: {sentence.text!r}")
        if sentence.text not in known or not known[sentence.text].translated:
            found.append(f"{sentence.where}: not translated into {language}: {sentence.text!r}")
    found += [
        f"{entry.where}: nobody says this any more: {text!r}" for text, entry in known.items() if text not in used
    ]
    return sorted(found, key=_by_place)


def placeholders(sentence: str) -> frozenset[str]:
    """Return the names in a sentence's `{braces}`; a sentence with other braces has none."""
    try:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(sentence) if name)
    except ValueError:
        return frozenset()


def compiled(language: str) -> bytes:
    """Return the compiled catalogue of `language`; the same catalogues give the same bytes.

    Args:
        language: Name of its folder, for example `pt_BR`. Where floors differ, the first counts.
    """
    # The header holds dates; today's would change the file at every run.
    whole = Catalog(locale=language, charset="utf-8", fuzzy=False, creation_date=_NEVER, revision_date=_NEVER)
    for entry in translations(language):
        if whole.get(entry.text) is None:
            whole.add(entry.text, entry.translated)
    buffer = io.BytesIO()
    write_mo(buffer, whole)
    return buffer.getvalue()


def target(language: str) -> Path:
    """Return where a language's compiled catalogue lies."""
    return LOCALE / language / "LC_MESSAGES" / "afina.mo"


def is_stale(language: str) -> bool:
    """Return whether the compiled catalogue differs from what its sources give."""
    path = target(language)
    return not path.is_file() or path.read_bytes() != compiled(language)


def main(arguments: list[str]) -> int:
    """Compile, or only check, every language; return the exit code."""
    is_check = "--check" in arguments
    code = 0
    for language in languages():
        found = problems(language)
        by_file = defaultdict(list)
        for line in found:
            by_file[line.partition(":")[0]].append(line)
        for file, lines in by_file.items():
            sys.stdout.write(f"{file}: {len(lines)}\n" + "".join(f"  {line}\n" for line in lines))
        if is_check and is_stale(language):
            found.append("stale")
            sys.stdout.write(f"{target(language).relative_to(ROOT)} is stale: make messages\n")
        if not is_check:
            target(language).parent.mkdir(exist_ok=True)
            target(language).write_bytes(compiled(language))
            sys.stdout.write(f"{target(language).relative_to(ROOT)} written\n")
        code = code or int(is_check and bool(found))
    return code


def _by_place(line: str) -> tuple[str, int]:
    file, number, _ = line.split(":", 2)
    return file, int(number) if number.isdigit() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
