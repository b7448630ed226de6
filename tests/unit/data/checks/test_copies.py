from afina.data import facts as module
from afina.data.checks.copies import exact, near

LONG = "the parcel came late on monday and the box was broken at two of its corners"


def test_exact_groups_same_text_with_same_label(facts_of):
    facts = facts_of([("Hello  there", "a"), ("other", "a"), ("hello there", "a"), ("hello there", "b")])
    (finding,) = exact(facts)
    assert finding.code == "E-DATA-201"
    assert finding.rows == ("rows.csv:4",)
    assert finding.groups == (("rows.csv:2", "rows.csv:4"),)


def test_near_reports_each_group_once_and_exact_copies_not_at_all(facts_of):
    facts = facts_of([(LONG, "a"), (LONG, "a"), (LONG + "!", "a"), ("something else altogether", "a")])
    (finding,) = near(facts)
    assert finding.code == "E-DATA-202"
    assert finding.groups == (("rows.csv:2", "rows.csv:4"),)


def test_copies_says_nothing_of_clean_rows(facts_of):
    facts = facts_of([("one thing", "a"), ("quite another", "b")])
    assert exact(facts) == near(facts) == []


def test_near_says_when_not_all_rows_were_compared(facts_of, monkeypatch):
    monkeypatch.setattr(module, "MAX_SIGNATURES", 2)
    monkeypatch.setattr("afina.data.checks.copies.MAX_SIGNATURES", 2)
    assert [finding.code for finding in near(facts_of([("abc", "a"), ("def", "b"), ("ghi", "c")]))] == ["E-DATA-216"]
