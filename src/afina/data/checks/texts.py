"""The texts themselves: wrongly decoded, too long, holding personal data."""

from __future__ import annotations

from collections import Counter

import numpy as np

from afina.base.messages import say
from afina.data.facts import Facts
from afina.data.finding import Finding
from afina.data.personal import KINDS

CHARACTERS_PER_TOKEN = 4.0
"""What an English tokenizer makes of English, about; other languages give more tokens."""


def encoding(facts: Facts) -> list[Finding]:
    """Return `E-DATA-212` for texts that were decoded with the wrong encoding (`NÃ£o`)."""
    if not facts.broken:
        return []
    return [
        Finding(
            code="E-DATA-212",
            severity="warning",
            what=say("{rows} texts were decoded with the wrong encoding", rows=len(facts.broken)),
            rows=tuple(map(facts.where, facts.broken)),
            mend="afina data fix FILE -o NEW",
        )
    ]


def personal_data(facts: Facts) -> list[Finding]:
    """Return one `E-DATA-213` per kind of personal data; the data itself is not repeated."""
    findings = []
    for kind in KINDS:
        rows = sorted({row for row, found, _ in facts.personal if found == kind})
        if rows:
            findings.append(
                Finding(
                    code="E-DATA-213",
                    severity="warning",
                    what=say("{rows} rows hold personal data: {kind}", rows=len(rows), kind=_kind_name(kind)),
                    rows=tuple(map(facts.where, rows)),
                    mend="afina data fix FILE -o NEW --redact br",
                )
            )
    return findings


def length(facts: Facts, max_tokens: int | None = None) -> list[Finding]:
    """Return `E-DATA-210` for texts over the model's length, and `E-DATA-211` with the lengths' distribution.

    Without a tokenizer lengths are estimates from characters, and say so.

    Args:
        facts: What was gathered.
        max_tokens: Tokens the model reads; None: nothing is too long.
    """
    if not len(facts):
        return []
    lengths = np.frombuffer(facts.length, dtype=np.uint64).astype(np.float64)
    tokens = lengths if facts.counts_tokens else np.ceil(lengths / CHARACTERS_PER_TOKEN)
    median, high, most = np.percentile(tokens, [50, 95, 100]).astype(int).tolist()
    values = {"median": median, "high": high, "most": most}
    findings = [
        Finding(
            code="E-DATA-211",
            severity="info",
            what=say("tokens per row: p50 {median}, p95 {high}, max {most}", **values)
            if facts.counts_tokens
            else say("tokens per row, estimated from characters: p50 {median}, p95 {high}, max {most}", **values),
        )
    ]
    over = np.flatnonzero(tokens > max_tokens) if max_tokens else np.zeros(0, dtype=np.int64)
    if len(over):
        counted = {"rows": len(over), "limit": max_tokens}
        findings.append(
            Finding(
                code="E-DATA-210",
                severity="warning",
                what=say("{rows} rows are longer than the model reads ({limit} tokens)", **counted)
                if facts.counts_tokens
                else say("about {rows} rows seem longer than {limit} tokens (an estimate)", **counted),
                rows=tuple(facts.where(int(row)) for row in over),
                mend=say("They are cut at the end; data.long_text=windows reads all of each."),
            )
        )
    return findings


def personal_counts(facts: Facts) -> Counter[str]:
    """Return how many pieces of personal data of each kind there are."""
    return Counter(kind for _, kind, _ in facts.personal)


def _kind_name(kind: str) -> str:
    names = {
        "email": say("e-mail"),
        "phone": say("telephone"),
        "card": say("payment card"),
        "cpf": "CPF",
        "cnpj": "CNPJ",
        "cep": "CEP",
    }
    return names[kind]
