"""Every check over every split: what `afina data check` prints and `data.json` keeps."""

from __future__ import annotations

from collections.abc import Mapping

from afina.data.checks import copies, labels, leakage, rows, texts
from afina.data.facts import Facts
from afina.data.finding import Finding

_ORDER = {"error": 0, "warning": 1, "info": 2}


def examine(splits: Mapping[str, Facts], *, max_tokens: int | None = None) -> list[Finding]:
    """Return all findings, errors first.

    Args:
        splits: Facts by the split's name, the training rows first; leaks are looked for between every two.
        max_tokens: Tokens the model reads; None: unknown, nothing is too long.
    """
    found: list[Finding] = []
    for position, facts in enumerate(splits.values()):
        found += rows.unusable(facts)
        if not len(facts):
            continue
        found += labels.contradictions(facts)
        found += labels.spellings(facts)
        found += copies.exact(facts)
        found += copies.near(facts)
        found += texts.personal_data(facts)
        found += texts.encoding(facts)
        # Sizes and lengths are the training rows' business: a small test set is no fault of its own.
        if position == 0:
            found += labels.balance(facts)
            found += texts.length(facts, max_tokens)
    found += leakage.leaks(splits)
    return sorted(found, key=lambda finding: _ORDER[finding.severity])
