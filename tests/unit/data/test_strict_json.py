import pytest

from afina.data.strict_json import Refused, parse


def test_parse_returns_value_and_end():
    parsed = parse('  {"a": [1, 2.5, null]} ', 2)
    assert parsed.value == {"a": [1, 2.5, None]}
    assert parsed.end == 23


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1', "E-DATA-111"),
        ("", "E-DATA-111"),
        ('{"a": 1, "a": 2}', "E-DATA-113"),
        ('{"a": NaN}', "E-DATA-114"),
        ('{"a": -Infinity}', "E-DATA-114"),
        ('{"a": 1e999}', "E-DATA-114"),
        ('{"a": ' + "9" * 5000 + "}", "E-DATA-114"),
        ("[" * 100_000, "E-DATA-115"),
        ('{"a": "\\ud83d"}', "E-DATA-116"),
        ('{"\\udc00": 1}', "E-DATA-116"),
        ('{"a": "x\\u0000y"}', "E-DATA-104"),
    ],
)
def test_parse_refuses(text, code):
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.code == code


def test_parse_takes_whole_surrogate_pairs():
    assert parse('"\\ud83d\\ude00"').value == "😀"
