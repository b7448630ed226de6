from afina.data.formats.jsonl import Config, build


def test_records_skip_blank_lines_and_name_broken_ones(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [
        b'\xef\xbb\xbf{"a": 1}',
        b"",
        b'  {"a": }',
        b"[1]",
        b'{"a": 1} x',
        b'{"a": "\xe3"}',
        b'{"a": 2',
        b'{"a": 3}',
    ]
    path.write_bytes(b"\r\n".join(lines))
    records = list(build(Config()).records(path))
    assert [record.line for record in records] == [1, 3, 4, 5, 6, 7, 8]
    assert [record.problem is None for record in records] == [True, False, False, False, False, False, True]
    assert records[1].problem.where == f"{path}:3:9"
    assert records[3].problem.where == f"{path}:5:10"


def test_records_name_the_byte_that_is_no_utf8(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"a": "é"}\n'.encode() * 50 + b'{"a": "\xe3"}\n')
    (problem,) = [record.problem for record in build(Config()).records(path) if record.problem]
    assert problem.where == f"{path}:51:8"
