"""Splits hold for any rows: nothing is lost, nothing torn apart, and the order of the file does not matter."""

from itertools import combinations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from afina.base.errors import DataError
from afina.data.contract import Columns, Dataset, Row
from afina.data.identity import spelled
from afina.data.splits import split

PAIRS = st.lists(
    st.tuples(st.text(alphabet="ab é!?.,", min_size=1, max_size=6), st.sampled_from("xyz"), st.sampled_from("pqrstuv")),
    min_size=5,
    max_size=60,
)
SHARES = st.tuples(st.floats(0, 0.4), st.floats(0, 0.4))


def _split(pairs, shares, seed, group):
    rows = [
        Row(number, "f", number + 1, dict(zip(("text", "label", "who"), pair, strict=True)))
        for number, pair in enumerate(pairs)
    ]
    data = Dataset(rows, Columns(text=("text",), label=("label",), group=group), [], "csv", {})
    try:
        splits = split(data, {"validation": shares[0], "test": shares[1]}, seed=seed)
    except DataError as error:
        assume(error.code != "E-DATA-010")
        raise
    return [[tuple(row.values.values()) for row in part] for part in (splits.train, splits.validation, splits.test)]


@settings(max_examples=150, deadline=None)
@given(PAIRS, SHARES, st.integers(0, 3), st.sampled_from([None, "who"]), st.randoms(use_true_random=False))
def test_split_is_the_same_for_shuffled_rows(pairs, shares, seed, group, draw):
    shuffled = pairs[:]
    draw.shuffle(shuffled)
    first, second = _split(pairs, shares, seed, group), _split(shuffled, shares, seed, group)
    assert [sorted(part) for part in first] == [sorted(part) for part in second]


@settings(max_examples=150, deadline=None)
@given(PAIRS, SHARES, st.integers(0, 3), st.sampled_from([None, "who"]))
def test_split_loses_nothing_and_tears_nothing_apart(pairs, shares, seed, group):
    parts = _split(pairs, shares, seed, group)
    assert sorted(row for part in parts for row in part) == sorted(pairs)
    units = [{row[2] if group else spelled(row[0]) for row in part} for part in parts]
    assert all(one.isdisjoint(other) for one, other in combinations(units, 2))
    assert parts[0]
