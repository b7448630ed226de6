"""The tables of a comparison."""

import pytest

from afina.reporting import comparison_table
from tests.unit.reporting.comparisons import results


def test_every_judged_entry_has_its_line_with_quality_difference_and_costs():
    written = comparison_table.entries_table(results())
    assert written.count("<tr>") == 1 + 3
    assert "91.0%" in written
    assert "−7.0" in written
    assert "31 s" in written
    assert 'style="width:100.0%"' in written
    assert '<span class="lost">−2.0</span>' in written
    assert written.count("●") == 3
    assert "qlora" not in written


def test_without_forgetting_there_is_no_column_for_it():
    bare = results()
    for entry in bare["entries"]:
        entry["forgetting"] = []
    assert "Forgot" not in comparison_table.entries_table(bare)
    assert "Forgot" in comparison_table.entries_table(results())


def test_pairs_are_named_by_label_and_marked_when_told_apart():
    written = comparison_table.pairs_table(results())
    assert written.count("told apart") == 2
    assert "lora (rank 8)" in written


def test_runs_link_to_their_reports_unless_there_is_none():
    given = results()
    given["entries"][1]["runs"][0]["status"] = "failed"
    given["entries"][1]["runs"][1]["is_kept"] = False
    written = comparison_table.runs_table(given)
    assert 'href="runs/lora-seed42/report.html"' in written
    assert 'href="runs/full-seed42/report.html"' not in written
    assert "another learning rate was better" in written
    assert "computed the frozen part for all" in written


@pytest.mark.parametrize(
    ("value", "text"), [(770, "770"), (9000.0, "9 k"), (900_000, "900 k"), (22.7e6, "22.7 M"), (1.3e9, "1.3 G")]
)
def test_amounts_have_few_digits(value, text):
    assert comparison_table.amount(value) == text
