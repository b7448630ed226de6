import codecs

import pytest

from afina.base.errors import DataError
from afina.data.encoding import Encoding, detect

TEXT = "texto;nota\nção não é maçã;1\n" * 5


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (TEXT.encode(), Encoding("utf-8")),
        (codecs.BOM_UTF8 + TEXT.encode(), Encoding("utf-8", 3)),
        (TEXT.encode("cp1252"), Encoding("cp1252")),
        (TEXT.encode("latin-1") + b"\x81", Encoding("latin-1")),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), Encoding("utf-16-le", 2)),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), Encoding("utf-16-be", 2)),
        (TEXT.encode("utf-16-le"), Encoding("utf-16-le")),
        (TEXT.encode("utf-16-be"), Encoding("utf-16-be")),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), Encoding("utf-32-le", 4)),
        (b"plain,ascii\n", Encoding("utf-8")),
    ],
)
def test_detect_tells_encodings_apart(tmp_path, raw, expected):
    path = tmp_path / "rows.csv"
    path.write_bytes(raw)
    assert detect(path) == expected


def test_detect_keeps_utf8_when_one_line_in_many_is_broken(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(TEXT.encode() * 20 + b"quebrad\xe3o;2\n")
    assert detect(path).name == "utf-8"


def test_detect_finds_an_accent_far_behind_the_beginning(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"plain text,1\n" * 20_000 + "ação,1\n".encode("cp1252"))
    assert detect(path).name == "cp1252"


@pytest.mark.parametrize("raw", [b"PK\x03\x04rest", b"\x1f\x8brest", bytes(range(32)) * 30, b"%PDF-1.7"])
def test_detect_refuses_what_is_no_text(tmp_path, raw):
    path = tmp_path / "rows.csv"
    path.write_bytes(raw)
    with pytest.raises(DataError) as caught:
        detect(path)
    assert caught.value.code == "E-DATA-002"
    assert str(path) in caught.value.problem.where
