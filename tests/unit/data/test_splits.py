import random
from itertools import combinations

import pytest

from afina.base.errors import DataError
from afina.data.contract import Columns, Dataset, Row
from afina.data.splits import split

SHARES = {"validation": 0.1, "test": 0.2}


def _data(pairs, group=None):
    rows = [
        Row(number, "f", number + 2, dict(zip(("text", "label", "who"), pair, strict=False)))
        for number, pair in enumerate(pairs)
    ]
    return Dataset(rows, Columns(text=("text",), label=("label",), group=group), [], "csv", {})


def _pairs(num_rows=200, labels="abcd"):
    return [(f"text number {number}", labels[number % len(labels)]) for number in range(num_rows)]


def test_split_spreads_labels_evenly():
    splits = split(_data(_pairs()), SHARES, seed=1)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (140, 20, 40)
    for part, size in ((splits.test, 10), (splits.validation, 5)):
        assert {label: sum(row.values["label"] == label for row in part) for label in "abcd"} == dict.fromkeys(
            "abcd", size
        )


def test_split_carries_what_rounding_leaves_over():
    pairs = [(f"text {number}", f"class {number // 3}") for number in range(90)]
    splits = split(_data(pairs), SHARES, seed=1)
    assert abs(len(splits.test) - 18) <= 1
    assert {row.values["label"] for row in splits.train} == {label for _, label in pairs}


def test_split_does_not_depend_on_the_order_of_rows():
    pairs = _pairs()
    shuffled = random.Random(5).sample(pairs, len(pairs))
    first, second = (split(_data(each), SHARES, seed=3) for each in (pairs, shuffled))
    for name in ("train", "validation", "test"):
        assert {row.values["text"] for row in getattr(first, name)} == {
            row.values["text"] for row in getattr(second, name)
        }


def test_split_depends_on_the_seed():
    first, second = (split(_data(_pairs()), SHARES, seed=seed) for seed in (1, 2))
    assert {row.number for row in first.test} != {row.number for row in second.test}


def test_split_keeps_copies_and_groups_together():
    pairs = [(f"text {number // 2}" + "!" * (number % 2), "ab"[number // 2 % 2]) for number in range(100)]
    splits = split(_data(pairs), SHARES, seed=1)
    bare = [{row.values["text"].strip("!") for row in part} for part in (splits.train, splits.validation, splits.test)]
    assert all(one.isdisjoint(other) for one, other in combinations(bare, 2))
    grouped = split(
        _data([(*pair, f"who {number % 25}") for number, pair in enumerate(_pairs())], "who"), SHARES, seed=1
    )
    owners = [{row.values["who"] for row in part} for part in (grouped.train, grouped.validation, grouped.test)]
    assert all(one.isdisjoint(other) for one, other in combinations(owners, 2))
    assert all(owners)


def test_split_takes_given_files_as_they_are():
    given = _data(_pairs(10))
    splits = split(_data(_pairs()), SHARES, seed=1, test=given)
    assert splits.test is given.rows
    assert len(splits.validation) == 20
    both = split(_data(_pairs()), SHARES, seed=1, test=given, validation=given)
    assert len(both.train) == 200
    assert both.rule == "as given by the files"


def test_split_of_numbers_is_not_stratified():
    pairs = [(f"text {number}", str(number / 7)) for number in range(100)]
    splits = split(_data(pairs), SHARES, seed=1)
    assert len(splits.test) == 20
    assert "not spread over labels" in splits.rule


def test_split_keeps_the_order_of_the_file():
    splits = split(_data(_pairs()), SHARES, seed=1)
    assert [row.number for row in splits.test] == sorted(row.number for row in splits.test)


def test_split_refuses_what_cannot_be_divided():
    with pytest.raises(DataError) as caught:
        split(_data([("same text", "a")] * 10), SHARES, seed=1)
    assert caught.value.code == "E-DATA-010"
    with pytest.raises(DataError, match="test"):
        split(_data([(f"t {number}", "a", "one owner") for number in range(10)], "who"), SHARES, seed=1)
