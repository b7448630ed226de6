from afina.data import facts as module
from afina.data.contract import Columns, Row
from afina.data.facts import gather, label_names
from afina.data.refusals import refuse


def test_gather_keeps_lines_labels_and_refusals(rows_of):
    items = [*rows_of([("One", "a"), ("one ", "b")]), refuse("E-DATA-121", "rows.csv:9")]
    facts = gather(items, Columns(text=("text",), label=("label",)))
    assert len(facts) == 2
    assert facts.where(1) == "rows.csv:3"
    assert facts.same[0] == facts.same[1]
    assert facts.labels == [("a",), ("b",)]
    assert len(facts.refused) == 1
    assert facts.digests.shape == (2, 128)


def test_gather_counts_tokens_when_asked(rows_of):
    facts = gather(
        rows_of([("a b c", "x"), ("d", "x")]),
        Columns(text=("text",), label=("label",)),
        lambda texts: [len(text[0].split()) for text in texts],
    )
    assert list(facts.length) == [3, 1]
    assert facts.counts_tokens


def test_gather_gives_pairs_to_the_tokenizer():
    row = Row(0, "f", 1, {"a": "x y", "b": "z"})
    facts = gather([row], Columns(text=("a", "b")), lambda texts: [len(text) for text in texts])
    assert list(facts.length) == [2]


def test_gather_goes_over_blocks_and_stops_signing_at_the_limit(facts_of, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 3)
    monkeypatch.setattr(module, "MAX_SIGNATURES", 5)
    facts = facts_of([(f"text number {number}", "a") for number in range(8)])
    assert len(facts) == len(facts.length) == 8
    assert facts.digests.shape == (5, 128)


def test_label_names_of_lists_and_of_one_column_per_class():
    several = Columns(text=("text",), label=("rude", "loud"))
    assert label_names(Row(0, "f", 1, {"text": "t", "rude": "1", "loud": "0"}), several) == ("rude",)
    assert label_names(Row(0, "f", 1, {"l": ["a", "b"]}), Columns(text=("t",), label=("l",))) == ("a", "b")
    assert label_names(Row(0, "f", 1, {"l": None}), Columns(text=("t",), label=("l",))) == ()
