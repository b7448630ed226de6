"""Numbers, spans and sizes in both languages."""

from __future__ import annotations

import pytest

from afina.base import messages
from afina.reporting import wording


def test_numbers_in_english():
    assert wording.number(1234) == "1,234"
    assert wording.number(1234.5678, 2) == "1,234.57"
    assert wording.percent(0.1234) == "12.3%"
    assert wording.scientific(2e-5) == "2e-5"
    assert wording.scientific(0.0003) == "0.0003"
    assert wording.share(1.0) == "100%"
    assert wording.share(0.00014) == "0.014%"


def test_numbers_in_portuguese(portuguese):
    with wording.speaking("pt"):
        assert wording.number(1234567.5, 1) == "1.234.567,5"
        assert wording.percent(0.1234) == "12,3%"
        assert wording.size(1_234_000_000) == "1,2 GB"
        assert wording.moment("2026-01-02T03:04:05+00:00") == "02/01/2026, 03:04 UTC"
        assert wording.level("warning") == "aviso"


@pytest.mark.parametrize("nothing", [None, "x", True, float("nan"), float("inf")])
def test_a_dash_stands_for_no_number(nothing):
    for write in (wording.number, wording.percent, wording.scientific, wording.duration, wording.size):
        assert write(nothing) == wording.ABSENT


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.42, "0.4 s"), (48.2, "48 s"), (185, "3 min 05 s"), (3599.7, "1 h 00 min"), (7800, "2 h 10 min")],
)
def test_duration_uses_two_units(seconds, expected):
    assert wording.duration(seconds) == expected


def test_size_uses_decimal_units():
    assert [wording.size(value) for value in (512, 87_300, 87_300_000, 2_100_000_000)] == [
        "512 B",
        "87 kB",
        "87.3 MB",
        "2.1 GB",
    ]


def test_moment_writes_the_date_or_leaves_it():
    assert wording.moment("2026-01-02T03:04:05+00:00") == "2026-01-02, 03:04 UTC"
    assert wording.moment("2026-01-02T03:04:05-03:00") == "2026-01-02, 03:04"
    assert wording.moment("yesterday") == "yesterday"


def test_speaking_goes_back_also_after_an_error(portuguese):
    with pytest.raises(ZeroDivisionError), wording.speaking("pt"):
        raise ZeroDivisionError
    assert messages.language() == "en"
