"""What is computed at once: rows when padded, tokens when packed."""

import numpy as np

from afina.base.types import Layout, Segments
from afina.data.batching.portions import portions

PADDED = Layout(64, 0)
PACKED = Layout(64, 0, takes_segments=True, wants_packs=True)
LENGTHS = (2, 10, 3, 3, 2, 9)
SEGMENTS = [Segments(row, (np.ones(length, dtype=np.int32),)) for row, length in enumerate(LENGTHS)]


def _cut(layout, size, *processes):
    return [share.tolist() for share in portions(np.arange(6), SEGMENTS, layout, size, *processes)]


def test_padded_portions_have_so_many_rows():
    assert _cut(PADDED, 4) == [[0, 1, 2, 3], [4, 5]]


def test_packed_portions_have_as_many_tokens_as_so_many_of_the_longest_row():
    assert _cut(PACKED, 2) == [[1, 5], [2, 3, 0, 4]]
    assert _cut(PACKED, 3) == [[1, 5, 2, 3, 0, 4]]


def test_what_a_model_does_not_take_is_not_packed():
    assert _cut(Layout(64, 0, wants_packs=True), 4) == _cut(PADDED, 4)


def test_processes_get_equally_many_portions_of_about_as_many_tokens():
    own = [_cut(PACKED, 1, rank, 2) for rank in range(2)]
    assert [len(shares) for shares in own] == [2, 2]
    assert sorted(row for shares in own for share in shares for row in share) == list(range(6))
    assert [sum(LENGTHS[row] for share in shares for row in share) for shares in own] == [15, 14]
    alone = [portions(np.asarray([1]), SEGMENTS, PACKED, 1, rank, 2) for rank in range(2)]
    assert [[share.tolist() for share in shares] for shares in alone] == [[[1]], [[]]]
