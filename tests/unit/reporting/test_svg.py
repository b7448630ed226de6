"""Marks, scales and ticks."""

from __future__ import annotations

import pytest

from afina.reporting.svg import Scale, box, line, picture, shorten, tag, ticks, words


def test_scale_maps_ends_to_ends():
    scale = Scale(2, 4, 100, 0)
    assert [scale(value) for value in (2, 3, 4)] == [100, 50, 0]
    assert Scale(1, 1, 5, 9)(1) == 5


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.25, 0.5, 0.75, 1.0]), (0, 240, [0, 100, 200]), (0.13, 0.2, [0.14, 0.16, 0.18, 0.2]), (3, 3, [3])],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_tag_escapes_names_and_drops_what_is_empty():
    assert tag("text", "x", class_="a", text_anchor="end", id=None) == '<text class="a" text-anchor="end">x</text>'
    assert tag("rect", title='"<') == '<rect title="&quot;&lt;"/>'


def test_marks_escape_what_they_show():
    assert "&lt;b&gt;" in words(0, 0, "<b>")
    assert "<title>&lt;b&gt;</title>" in box(0, 0, 1, 1, "c", title="<b>")
    assert 'aria-label="&lt;b&gt;"' in picture(1, 1, "<b>", [])


def test_line_goes_through_its_points():
    assert 'd="M0 1L2.5 3"' in line([(0, 1), (2.5, 3.04)], "c")


def test_shorten_ends_in_an_ellipsis():
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abc", 4) == "abc"
