"""Results, worst rows, forgetting."""

from __future__ import annotations

import json

from afina.reporting.facts import read_facts
from afina.reporting.section_results import forgetting_section, results_section, rows_section


def test_results_section_compares_three_contenders(make_run):
    markup = results_section(read_facts(make_run("single")))
    for part in ("Always the commonest answer", "Base, as it came", "Tuned", "macro-F1", "McNemar", "Calibration"):
        assert part in markup
    assert "p = 0.003" in markup


def test_results_section_writes_a_tiny_p_value_as_a_bound(make_run):
    folder = make_run("single")
    values = json.loads((folder / "evaluation.json").read_text())
    values["verdict"]["p_value"] = 1e-9
    (folder / "evaluation.json").write_text(json.dumps(values))
    assert "p &lt; 0.001" in results_section(read_facts(folder))


def test_results_section_folds_many_classes_behind_the_worst(make_run):
    markup = results_section(read_facts(make_run("many")))
    assert "The ten classes with the lowest F1:" in markup
    assert "All 77 classes" in markup
    assert "Confusion matrix" in markup


def test_results_section_writes_a_dash_for_what_is_undefined(make_run):
    assert "–" in results_section(read_facts(make_run("regression")))


def test_results_section_without_evaluation_says_so(make_run):
    assert "This run was not evaluated." in results_section(read_facts(make_run("failed")))


def test_rows_section_shows_whole_rows_escaped(make_run):
    markup = rows_section(read_facts(make_run("single")))
    assert "wheres my parcel?? said tuesday and its friday now" in markup
    assert "&lt;script&gt;" in markup
    assert "messages.csv:18" in markup
    assert "97.0% sure" in markup


def test_rows_section_of_a_regression_claims_no_certainty(make_run):
    assert "sure" not in rows_section(read_facts(make_run("regression")))


def test_forgetting_section_shows_loss_or_says_it_was_not_measured(make_run):
    markup = forgetting_section(read_facts(make_run("single")))
    assert "−3.2 points" in markup
    assert "−6.0 to −0.4" in markup
    assert "Not measured" in forgetting_section(read_facts(make_run("many")))
    assert forgetting_section(read_facts(make_run("failed"))) == ""
