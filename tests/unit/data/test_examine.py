from afina.data.examine import examine


def test_examine_puts_errors_first_and_looks_across_splits(facts_of):
    train = facts_of([(f"text number {number}", "ab"[number % 2]) for number in range(40)], "train.csv")
    test = facts_of([("TEXT number 3", "a")], "test.csv")
    findings = examine({"train": train, "test": test})
    assert findings[0].code == "E-DATA-208"
    assert [finding.severity for finding in findings] == sorted(
        (finding.severity for finding in findings), key=["error", "warning", "info"].index
    )


def test_examine_of_an_empty_split(facts_of):
    assert examine({"train": facts_of([])}) == []
