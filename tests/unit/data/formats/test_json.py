import json

import pytest

from afina.base.errors import DataError
from afina.data.formats.json import Config, build

ROWS = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]


def _records(tmp_path, text, **options):
    path = tmp_path / "rows.json"
    path.write_text(text, encoding="utf-8")
    return list(build(Config(**options)).records(path))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps({"data": ROWS}),
        json.dumps({"version": 1, "tags": ["x"], "rows": ROWS, "more": 2}),
        "\ufeff" + json.dumps(ROWS, indent=1),
    ],
)
def test_records_of_an_array_bare_or_inside(tmp_path, text):
    assert [dict(record.values) for record in _records(tmp_path, text)] == ROWS


def test_records_know_their_lines(tmp_path):
    records = _records(tmp_path, '[\n{"a": 1},\n\n{"a":\n2}, 5\n]')
    assert [record.line for record in records] == [2, 4, 5]
    assert records[2].problem is not None


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ('[{"a": 1},\n {"a": 2}', "E-DATA-005", ":2:"),
        ('[{"a": 1}\n {"a": 2}]', "E-DATA-005", ":2:2"),
        ('[{"a": 1},\n {"a": }]', "E-DATA-005", ":2:8"),
        ('[{"a": 1},]', "E-DATA-005", ":1:"),
        ('[\n{"a": NaN}]', "E-DATA-005", ":2:"),
        ("   ", "E-DATA-003", ":1"),
        ('"text"', "E-DATA-006", ":1:1"),
        ('{"text": {"0": "a"}}', "E-DATA-006", ":1:"),
        ("[" * 50_000, "E-DATA-005", ":1:"),
    ],
)
def test_records_refuse_with_their_place(tmp_path, text, code, place):
    with pytest.raises(DataError) as caught:
        _records(tmp_path, text)
    assert caught.value.code == code
    assert place in caught.value.problem.where


def test_records_refuse_a_file_over_the_limit(tmp_path):
    with pytest.raises(DataError, match="E-DATA-004"):
        _records(tmp_path, json.dumps(ROWS), max_bytes=10)
