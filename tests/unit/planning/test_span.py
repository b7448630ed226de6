from afina.planning.span import ZERO, Span


def test_sums_end_by_end():
    assert Span(1, 2) + Span(3, 5) == Span(4, 7)
    assert Span(1, 2) + ZERO == Span(1, 2)


def test_times_takes_one_factor_or_one_per_end():
    assert Span(1, 2).times(3) == Span(3, 6)
    assert Span(1, 2).times(3, 4) == Span(3, 8)
