from afina.data.checks.rows import unusable
from afina.data.refusals import refuse


def test_unusable_counts_by_reason(facts_of):
    facts = facts_of([("a", "b")])
    facts.refused += [refuse("E-DATA-121", f"rows.csv:{line}") for line in (5, 7)] + [
        refuse("E-DATA-101", "rows.csv:6")
    ]
    findings = unusable(facts)
    assert [(finding.code, finding.severity, finding.rows) for finding in findings] == [
        ("E-DATA-121", "error", ("rows.csv:5", "rows.csv:7")),
        ("E-DATA-101", "error", ("rows.csv:6",)),
    ]
