import pytest

from afina.base.errors import DataError
from afina.data.telling import choose


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.csv", "text,label\na,b\n", "csv"),
        ("a.txt", "one line\nanother\n", "csv"),
        ("a.jsonl", '{"a": 1}\n', "jsonl"),
        ("a.jsonl", "broken\n", "jsonl"),
        ("a.txt", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.json", '[{"a": 1}]', "json"),
        ("a.json", '{"data": [{"a": 1}]}', "json"),
        ("a.json", '{\n"data": [{"a": 1}]}', "json"),
        ("a.json", "broken", "json"),
        ("a.csv", '{"a", b\n', "csv"),
    ],
)
def test_choose(tmp_path, name, text, kind):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert choose(path).kind == kind


def test_choose_refuses_an_empty_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf \n")
    with pytest.raises(DataError, match="E-DATA-003"):
        choose(path)
