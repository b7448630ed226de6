import pytest
from pydantic import ValidationError

from afina.base.errors import DataError
from afina.data.formats.csv import Config, build, describe, settle


def _records(tmp_path, raw, **options):
    path = tmp_path / "rows.csv"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return list(build(Config(**options)).records(path))


def test_records_of_brazilian_excel(tmp_path):
    raw = 'sep=;\r\nComentário ;Nota;\r\n"Bom; barato\r\ne leve";4,5;\r\nRuim;1,0;\r\n'.encode("cp1252")
    records = _records(tmp_path, raw)
    assert [(record.line, dict(record.values)) for record in records] == [
        (3, {"Comentário": "Bom; barato\r\ne leve", "Nota": "4.5", "column_3": ""}),
        (5, {"Comentário": "Ruim", "Nota": "1.0", "column_3": ""}),
    ]


def test_records_of_a_file_without_header(tmp_path):
    records = _records(tmp_path, "a stirring , funny film\t1\nquite dull and long\t0\nfine film\t1\n")
    assert records[0].line == 1
    assert dict(records[0].values) == {"text": "a stirring , funny film", "label": "1"}


def test_records_of_utf16_with_mark(tmp_path):
    records = _records(tmp_path, "texto,rótulo\nolá mundo,é\n".encode("utf-16"))
    assert dict(records[0].values) == {"texto": "olá mundo", "rótulo": "é"}


def test_records_name_line_and_reason_of_ragged_rows(tmp_path):
    records = _records(tmp_path, "text,label\na,b\nc,d,e\nf\ng,h,\n")
    assert [record.line for record in records if record.problem] == [3, 4]
    assert records[1].problem.where.endswith("rows.csv:3")
    assert "2" in records[1].problem.expected
    assert dict(records[3].values) == {"text": "g", "label": "h"}


def test_records_of_plain_lines(tmp_path):
    records = _records(tmp_path, "One review, with commas, here.\nAnother one.\nA third, at last.\n")
    assert [dict(record.values) for record in records][1] == {"text": "Another one."}


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_records_of_an_empty_file(tmp_path, raw):
    with pytest.raises(DataError) as caught:
        _records(tmp_path, raw)
    assert caught.value.code == "E-DATA-003"


def test_records_obey_their_options(tmp_path):
    options = {"delimiter": "|", "quotes": "none", "header": "no", "names": ("a", "b"), "encoding": "latin-1"}
    records = _records(tmp_path, 'text|"é|x\n'.replace("|x", "").encode("latin-1"), **options)
    assert dict(records[0].values) == {"a": "text", "b": '"é'}


def test_config_refuses_what_is_no_delimiter_and_no_encoding():
    for wrong in (
        {"delimiter": "ab"},
        {"delimiter": '"'},
        {"encoding": "klingon"},
        {"encoding": "rot13"},
        {"header": "x"},
    ):
        with pytest.raises(ValidationError):
            Config(**wrong)
    assert Config(delimiter="tab").delimiter == "\t"


def test_describe_says_what_was_detected(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text;label;label\na b;1,5;x\nc d;2,5;y\n", encoding="utf-8")
    sentence = describe(Config(), path)
    assert "delimiter ;" in sentence
    assert "decimal comma in label" in sentence
    assert "label -> label_2" in sentence
    assert settle(Config(), path).has_header
