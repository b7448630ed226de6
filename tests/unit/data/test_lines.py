from afina.data.encoding import Encoding, detect
from afina.data.lines import Line, read_lines
from afina.data.refusals import MAX_ROW_BYTES


def _read(path, raw, encoding=None):
    path.write_bytes(raw)
    return list(read_lines(path, encoding or detect(path)))


def test_read_lines_numbers_from_one_and_keeps_line_ends(tmp_path):
    assert _read(tmp_path / "f", b"a\r\nb\nc") == [Line(1, "a\r\n"), Line(2, "b\n"), Line(3, "c")]


def test_read_lines_splits_at_lone_carriage_returns_of_old_files(tmp_path):
    assert [line.text for line in _read(tmp_path / "f", b"a\rb\rc")] == ["a\r", "b\r", "c"]


def test_read_lines_marks_undecodable_bytes_with_their_column(tmp_path):
    lines = _read(tmp_path / "f", b"good\nba\xe3d\ngood\n", Encoding("utf-8"))
    assert lines[1] == Line(2, "", "E-DATA-106", 3)
    assert lines[2].text == "good\n"


def test_read_lines_marks_nul(tmp_path):
    assert _read(tmp_path / "f", b"a\nb\0c\n", Encoding("utf-8"))[1] == Line(2, "", "E-DATA-104", 2)


def test_read_lines_passes_over_a_long_line_and_goes_on_with_the_next(tmp_path):
    lines = _read(tmp_path / "f", b"a\n" + b"x" * (3 * MAX_ROW_BYTES + 7) + b"\nb\n", Encoding("utf-8"))
    assert [(line.number, line.code) for line in lines] == [(1, ""), (2, "E-DATA-105"), (3, "")]
    assert lines[2].text == "b\n"


def test_read_lines_of_wide_encodings_marks_a_cut_character(tmp_path):
    lines = _read(tmp_path / "f", "texto\nação\n".encode("utf-16") + b"\x41")
    assert [line.text for line in lines[:2]] == ["texto\n", "ação\n"]
    assert lines[2].code == "E-DATA-106"
