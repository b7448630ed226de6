from afina.data.checks.labels import balance, class_counts, contradictions, is_numeric, spellings
from afina.data.contract import Columns, Row
from afina.data.facts import gather


def test_contradictions_finds_one_text_with_two_labels(facts_of):
    (finding,) = contradictions(facts_of([("Same text", "a"), ("x", "a"), ("same  text", "b"), ("x", "A ")]))
    assert finding.code == "E-DATA-203"
    assert finding.rows == ("rows.csv:2", "rows.csv:4")


def test_spellings_names_the_rows_of_the_rarer_way(facts_of):
    (finding,) = spellings(facts_of([("a", "Bom"), ("b", "Bom"), ("c", "bom "), ("d", "ruim")]))
    assert finding.code == "E-DATA-204"
    assert finding.rows == ("rows.csv:4",)


def test_balance_reports_small_and_uneven_classes(facts_of):
    pairs = [(f"text {number}", "big") for number in range(50)] + [("rare one", "small"), ("rare two", "small")]
    findings = {finding.code: finding for finding in balance(facts_of(pairs))}
    assert set(findings) == {"E-DATA-206", "E-DATA-207"}
    assert findings["E-DATA-206"].rows == ("rows.csv:52", "rows.csv:53")


def test_balance_refuses_a_single_class(facts_of):
    (finding,) = balance(facts_of([("a", "only"), ("b", "only")]))
    assert (finding.code, finding.severity) == ("E-DATA-205", "error")


def test_balance_takes_many_decimal_labels_for_numbers(facts_of):
    facts = facts_of([(f"text {number}", f"{number / 7:.3f}") for number in range(40)])
    assert is_numeric(facts)
    assert [finding.code for finding in balance(facts)] == ["E-DATA-215"]
    assert spellings(facts) == []


def test_is_numeric_leaves_class_numbers_alone(facts_of):
    assert not is_numeric(facts_of([(f"text {number}", str(number % 30)) for number in range(300)]))
    assert not is_numeric(facts_of([(f"text {number}", str(number % 5 + 1)) for number in range(30)]))


def test_balance_without_label_column():
    facts = gather([Row(0, "f", 1, {"text": "a"})], Columns(text=("text",)))
    assert [finding.code for finding in balance(facts)] == ["E-DATA-214"]


def test_class_counts_counts_each_of_several_labels():
    rows = [Row(0, "f", 1, {"t": "a", "l": ["x", "y"]}), Row(1, "f", 2, {"t": "b", "l": ["y"]})]
    assert list(class_counts(gather(rows, Columns(text=("t",), label=("l",)))).items()) == [("y", 2), ("x", 1)]
