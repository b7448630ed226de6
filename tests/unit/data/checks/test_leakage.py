from afina.data.checks.leakage import leaks

LONG = "the parcel came late on monday and the box was broken at two of its corners"


def test_leaks_sees_through_case_punctuation_and_space(facts_of):
    train = facts_of([("Top-up my card!", "a"), ("nothing", "b")], "train.csv")
    test = facts_of([("fresh text", "a"), ("top up my  card", "a")], "test.csv")
    (finding,) = leaks({"train": train, "test": test})
    assert (finding.code, finding.severity) == ("E-DATA-208", "error")
    assert finding.rows == ("test.csv:3",)
    assert finding.groups == (("test.csv:3", "train.csv:2"),)


def test_leaks_reports_near_ones_apart(facts_of):
    train = facts_of([("filler", "a"), (LONG, "a")], "train.csv")
    test = facts_of([(LONG + " again", "a")], "test.csv")
    (finding,) = leaks({"train": train, "test": test})
    assert finding.code == "E-DATA-209"
    assert finding.groups == (("test.csv:2", "train.csv:3"),)


def test_leaks_compares_every_two_splits(facts_of):
    splits = {name: facts_of([("the same text", "a")], f"{name}.csv") for name in ("train", "validation", "test")}
    assert [finding.rows[0] for finding in leaks(splits)] == ["validation.csv:2", "test.csv:2", "test.csv:2"]


def test_leaks_of_one_or_of_empty_splits(facts_of):
    assert leaks({"train": facts_of([("a", "b")])}) == []
    assert leaks({"train": facts_of([]), "test": facts_of([("a", "b")])}) == []
