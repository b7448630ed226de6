"""What the data is: rows and splits, classes, what the checks found, and the hashes that name its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afina.base.messages import say
from afina.reporting import wording
from afina.reporting.facts import Facts, at, finite, listed, without_folder
from afina.reporting.page import Cell, details, esc, pairs, section, table

_MOST_FINDINGS = 60
_MOST_PLACES = 8
_MOST_CLASSES = 200
_ORDER = {"error": 0, "warn": 1, "warning": 1}


def data_section(facts: Facts) -> str:
    """Return the section on the data; when nothing was recorded, it says so."""
    if not facts.data:
        return section("data", say("The data"), say("Nothing about the data was recorded."))
    return section(
        "data", say("The data"), "", _overview(facts), _findings(facts.data), _classes(facts.data), _hashes(facts.data)
    )


def _overview(facts: Facts) -> str:
    data = facts.data
    columns, counts, splits, tokens = (data.get(key) for key in ("columns", "counts", "splits", "tokens"))
    names = {"train": say("training"), "validation": say("validation"), "test": say("test")}
    divided = [
        f"{wording.number(at(splits, key))} {name}"
        for key, name in names.items()
        if finite(at(splits, key)) is not None
    ]
    rows = [
        (say("Format"), str(data.get("format") or "")),
        (say("Text from"), ", ".join(str(name) for name in listed(at(columns, "text")))),
        (say("Label from"), ", ".join(str(name) for name in listed(at(columns, "label")))),
        (say("Kept together by"), str(at(columns, "group") or "")),
        (say("Rows"), _counts(counts)),
        (say("Divided into"), " · ".join(divided)),
        (say("Rule"), str(at(splits, "rule") or "")),
        (say("Tokens per row"), _tokens(tokens)),
    ]
    return pairs(rows)


def _counts(counts: Any) -> str:
    words = {"read": say("read"), "usable": say("usable"), "refused": say("refused")}
    return " · ".join(
        f"{wording.number(at(counts, key))} {word}"
        for key, word in words.items()
        if finite(at(counts, key)) is not None
    )


def _tokens(tokens: Any) -> str:
    if not isinstance(tokens, Mapping):
        return ""
    return " · ".join(f"{key} {wording.number(value)}" for key, value in tokens.items() if finite(value) is not None)


def _findings(data: Mapping[str, Any]) -> str:
    findings = [finding for finding in listed(data.get("findings")) if isinstance(finding, Mapping)]
    if not findings:
        return f"<h3>{esc(say('What the checks found'))}</h3><p>{esc(say('Nothing.'))}</p>"
    ordered = sorted(findings, key=lambda finding: _ORDER.get(str(finding.get("level")), 2))
    more = len(ordered) - _MOST_FINDINGS
    rest = (
        f'<p class="note">{esc(say("{count} more are in data.json.", count=wording.number(more)))}</p>'
        if more > 0
        else ""
    )
    items = "".join(_finding(finding) for finding in ordered[:_MOST_FINDINGS])
    return f'<h3>{esc(say("What the checks found"))}</h3><ul class="findings">{items}</ul>{rest}'


def _finding(finding: Mapping[str, Any]) -> str:
    level = str(finding.get("level") or "info")
    css = {"error": " error", "warn": " warn", "warning": " warn"}.get(level, "")
    places = [without_folder(place) for place in listed(finding.get("where"))]
    shown = ", ".join(places[:_MOST_PLACES]) + (" …" if len(places) > _MOST_PLACES else "")
    small = "".join(f"<small>{esc(text)}</small>" for text in (shown, str(finding.get("mend") or "")) if text)
    code = f" <code>{esc(str(finding['code']))}</code>" if finding.get("code") else ""
    what = esc(str(finding.get("what") or ""))
    return f'<li><span class="level{css}">{esc(wording.level(level))}</span><div>{what}{code}{small}</div></li>'


def _classes(data: Mapping[str, Any]) -> str:
    classes = data.get("classes")
    if not isinstance(classes, Mapping) or not classes:
        return ""
    splits = [
        key
        for key in ("train", "validation", "test")
        if any(finite(at(counts, key)) is not None for counts in classes.values())
    ]
    names = {"train": say("Training"), "validation": say("Validation"), "test": say("Test")}
    if splits:
        rows = [(str(label), *(wording.number(at(counts, key)) for key in splits)) for label, counts in classes.items()]
        headings = (say("Class"), *(names[key] for key in splits))
    else:
        rows = [(str(label), wording.number(count)) for label, count in classes.items()]
        headings = (say("Class"), say("Rows"))
    title = say("Rows of each class ({count} classes)", count=wording.number(len(classes)))
    return details(title, table(headings, rows[:_MOST_CLASSES]))


def _hashes(data: Mapping[str, Any]) -> str:
    fingerprint = data.get("fingerprint")
    if not isinstance(fingerprint, Mapping) or not fingerprint:
        return ""
    rows = [
        (without_folder(name), Cell(f"<code>{esc(str(sha))}</code>")) for name, sha in list(fingerprint.items())[:50]
    ]
    return details(say("SHA-256 of the files"), table((say("File"), "SHA-256"), rows, numeric_from=9))
