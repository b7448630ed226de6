"""Matrices small and large."""

from __future__ import annotations

from afina.reporting.picture_confusion import matrix_picture, most_confused, overview_picture, pairs_picture

LABELS = ["a", "b", "<c>"]
MATRIX = [[8, 2, 0], [0, 10, 0], [1, 3, 1]]


def test_most_confused_ranks_by_rows():
    assert most_confused(LABELS, MATRIX, 2) == [("<c>", "b", 3, 5), ("a", "b", 2, 10)]
    assert most_confused(LABELS, [[1, 0, 0], [0, 1, 0], [0, 0, 0]], 5) == []


def test_matrix_picture_has_every_cell_and_escapes_labels():
    markup = matrix_picture(LABELS, MATRIX)
    assert markup.count("<rect") == 9
    assert "&lt;c&gt;, said to be b: 3 of 5" in markup
    assert "<c>" not in markup


def test_matrix_picture_takes_a_class_without_rows():
    assert matrix_picture(["a", "b"], [[0, 0], [0, 0]]).count("cell-empty") == 4


def test_overview_picture_draws_only_what_happened():
    markup = overview_picture(LABELS, MATRIX)
    assert markup.count("cell-right") == 3
    assert markup.count("cell-wrong") == 3
    assert overview_picture([str(index) for index in range(200)], [[0] * 200] * 200) == ""


def test_pairs_picture_shows_rows_of_rows():
    markup = pairs_picture(LABELS, MATRIX, most=1)
    assert "&lt;c&gt; → b" in markup
    assert "3/5" in markup
    assert pairs_picture(["a"], [[3]]) == ""
