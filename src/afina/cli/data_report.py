"""What `afina data` says: one screen for a check, a few lines for a copy or a preview, one document under `--json`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afina.base.messages import language, say
from afina.cli import output

if TYPE_CHECKING:
    from afina.data.facts import Facts
    from afina.data.finding import Finding
    from afina.data.fix import Fixed
    from afina.data.preview import Shown
    from afina.data.source import Opened

DATA_INVALID = 3
"""Exit code of a check that found errors."""

_MARKS = {"error": "✗", "warning": "!", "info": "i"}
_MOST_SHOWN = {"error": 6, "warning": 7, "info": 3}
_LINES_SHOWN = 5
_CLASSES_SHOWN = 5


def show_check(
    opened: Mapping[str, Opened], facts: Mapping[str, Facts], findings: Sequence[Finding], command: str
) -> None:
    """Show the findings of a check.

    Args:
        opened: The files by the split's name.
        facts: What was gathered from them.
        findings: What was found, errors first.
        command: What to do next.
    """
    counts = Counter(finding.severity for finding in findings)
    if not output.settings.json:
        _summarise(opened, facts, findings, command)
        return
    output.print_json(
        {
            "splits": {name: _as_dict(opened[name], facts[name]) for name in opened},
            "findings": [finding.as_dict() for finding in findings],
            "num_errors": counts["error"],
            "num_warnings": counts["warning"],
            "next": command,
        }
    )


def show_preview(opened: Opened, shown: Sequence[Shown]) -> None:
    """Show rows by their roles."""
    if output.settings.json:
        rows = [row.as_dict() for row in shown]
        output.print_json({"format": opened.description, "columns": _roles(opened), "rows": rows})
        return
    output.show(f"{opened.place.short_name}  {opened.description}")
    output.show(_role_line(opened))
    for row in shown:
        _show_row(row)


def show_fix(fixed: Fixed) -> None:
    """Show what became of the rows."""
    if output.settings.json:
        changes = [{"kind": each.kind, "what": each.what, "rows": each.rows} for each in fixed.changes]
        document = {"target": str(fixed.target), "num_read": fixed.num_read, "num_written": fixed.num_written}
        output.print_json({**document, "changes": changes})
        return
    read, written = _count(fixed.num_read), _count(fixed.num_written)
    output.show(say("{target}: {written} of {read} rows written", target=fixed.target, written=written, read=read))
    for change in fixed.changes:
        places = ", ".join(_line(place) for place in change.rows[:_LINES_SHOWN])
        more = ", …" if len(change.rows) > _LINES_SHOWN else ""
        output.show(f"  {change.what} ×{_count(len(change.rows))} ({places}{more})")
    output.show(f"→ {shlex.join(['afina', 'data', 'check', str(fixed.target)])}")


def _as_dict(opened: Opened, facts: Facts) -> dict[str, Any]:
    from afina.data.checks.labels import class_counts, is_numeric

    sizes = [path.stat().st_size for path in opened.paths]
    digests = opened.place.fingerprints()
    # Of a folder of texts there is one fingerprint, which stands for all of them.
    sizes = sizes if len(digests) == len(sizes) else [sum(sizes)]
    return {
        "files": {
            name: {"sha256": digest, "bytes": size} for (name, digest), size in zip(digests.items(), sizes, strict=True)
        },
        "format": opened.description,
        "columns": _roles(opened),
        "num_rows": len(facts),
        "num_refused": len(facts.refused),
        "classes": None if is_numeric(facts) else dict(class_counts(facts)),
        "num_tokens": sum(facts.length) if facts.counts_tokens else None,
    }


def _roles(opened: Opened) -> dict[str, Any]:
    columns = opened.columns
    return {
        "text": list(columns.text),
        "label": list(columns.label),
        "group": columns.group,
        "reasons": dict(columns.reasons),
    }


def _summarise(
    opened: Mapping[str, Opened], facts: Mapping[str, Facts], findings: Sequence[Finding], command: str
) -> None:
    for name, split in opened.items():
        several = len(split.paths) > 1 and not split.place.is_class_folders
        files = split.place.short_name + (f" +{len(split.paths) - 1}" if several else "")
        rows = say("{rows} rows", rows=_count(len(facts[name])))
        digest = next(iter(split.place.fingerprints().values()))
        output.show(f"{files}  {split.description}  {rows}  sha256 {digest[:8]}…")
    first = next(iter(opened))
    output.show(_role_line(opened[first]))
    if classes := _classes(facts[first]):
        output.show(classes)
    several = sum(len(split.paths) for split in opened.values()) > 1
    for severity, mark in _MARKS.items():
        chosen = [finding for finding in findings if finding.severity == severity]
        for finding in chosen[: _MOST_SHOWN[severity]]:
            output.show(f"{mark} {finding.code}  {finding.what}{_rows(finding, several)}")
        if len(chosen) > _MOST_SHOWN[severity]:
            rest = _count(len(chosen) - _MOST_SHOWN[severity])
            output.show(f"{mark} " + say("and {rest} more kinds (--json lists all)", rest=rest))
    counts = Counter(finding.severity for finding in findings)
    if not counts["error"] and not counts["warning"]:
        output.show("✓ " + say("nothing is wrong with these rows"))
    output.show(f"→ {command}" + (f"      (exit {DATA_INVALID})" if counts["error"] else ""))


def _role_line(opened: Opened) -> str:
    columns = opened.columns
    roles = {"text": columns.text, "label": columns.label, "group": (columns.group,) if columns.group else ()}
    named = [
        f"{role} = {', '.join(names)}" + (f" ({columns.reasons[role]})" if role in columns.reasons else "")
        for role, names in roles.items()
        if names
    ]
    return "  " + "  ".join(named)


def _classes(facts: Facts) -> str:
    from afina.data.checks.labels import class_counts, is_numeric

    counts = class_counts(facts)
    if is_numeric(facts) or not counts:
        return ""
    shown = [f"{name} {count / max(len(facts), 1):.0%}" for name, count in counts.most_common(_CLASSES_SHOWN)]
    more = ", …" if len(counts) > _CLASSES_SHOWN else ""
    return "  " + say("{num} classes: {names}", num=len(counts), names=", ".join(shown) + more)


def _rows(finding: Finding, several: bool) -> str:
    if not finding.rows:
        return ""
    places = [place if several else place.partition(":")[2] for place in map(_short, finding.rows[:_LINES_SHOWN])]
    more = ", …" if len(finding.rows) > _LINES_SHOWN else ""
    # Most sentences already say how many.
    times = "" if str(len(finding.rows)) in finding.what else f" ×{_count(len(finding.rows))}"
    return f"{times} ({', '.join(places)}{more})"


def _short(place: str) -> str:
    path = Path(place)
    # Texts of two classes may have the same name.
    return f"{path.parent.name}/{path.name}" if _is_text(place) else path.name


def _line(place: str) -> str:
    return _short(place) if _is_text(place) else place.rpartition(":")[2]


def _is_text(place: str) -> bool:
    return place.rpartition(":")[0].lower().endswith(".txt")


def _show_row(row: Shown) -> None:
    output.show("")
    output.show(f"{_short(row.where)}  {', '.join(row.label) or '-'}" + (f"  [{row.group}]" if row.group else ""))
    for text in row.text:
        output.show(f"  {text}")
    if row.tokens is not None:
        output.show(f"  {len(row.tokens)} tokens: {' '.join(row.tokens)}")


def _count(number: int) -> str:
    grouped = f"{number:,}"
    return grouped.replace(",", ".") if language() == "pt" else grouped
