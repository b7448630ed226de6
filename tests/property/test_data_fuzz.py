"""Malformed files of every kind: read, or refused with file and place; never a traceback, from Python and the shell."""

import itertools
import json
import random
import re
from types import SimpleNamespace

import pytest

from afina.base.errors import AfinaError, Problem
from afina.cli.main import main
from afina.data.source import open_files, read, stream

SEEDS = range(3)


def _texts(draw, num_rows=12):
    words = ("bom", "ruim", "não", "the box", "late", "ótimo", "3,5", "a;b", "R$ 10", "ok")
    return [" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(num_rows)]


def _rows(draw):
    return [(text, draw.choice(("sim", "não"))) for text in _texts(draw)]


def _csv(draw, delimiter=","):
    return "\n".join(
        [delimiter.join(("text", "label")), *(f'"{text}"{delimiter}{label}' for text, label in _rows(draw))]
    )


def _jsonl(draw):
    return "\n".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in _rows(draw))


def _json(draw):
    return json.dumps([{"text": text, "label": label} for text, label in _rows(draw)], ensure_ascii=False)


def _spliced(draw, text, piece):
    place = draw.randrange(len(text))
    return text[:place] + piece + text[place:]


def empty(draw):
    yield "csv", draw.choice([b"", b"\n", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\r\n", b"\0" * 9])
    yield "jsonl", draw.choice([b"", b"\n\n", b"\xef\xbb\xbf\n"])
    yield "json", draw.choice([b"", b"[]", b"{}", b"null", b'{"data": []}'])


def header_only(draw):
    yield "csv", draw.choice([b"text,label", b"text;label\n", b"sep=;\ntext;label\n", b"text\tlabel\r\n"])


def other_encodings(draw):
    name = draw.choice(
        ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "cp850", "utf-7", "utf-8-sig"]
    )
    yield "csv", _csv(draw).encode(name)
    yield "jsonl", _jsonl(draw).encode(name)
    yield "json", _json(draw).encode(name)


def mixed_encodings(draw):
    raw = _csv(draw).encode() + b"\n" + "é ruim,não\n".encode("latin-1") * draw.randint(1, 5)
    yield "csv", raw
    yield "jsonl", _jsonl(draw).encode() + b'\n{"text": "\xe3\xff", "label": "x"}\n'


def truncated(draw):
    for kind, make in (("csv", _csv), ("jsonl", _jsonl), ("json", _json)):
        raw = make(draw).encode()
        yield kind, raw[: draw.randrange(1, len(raw))]
    yield "csv", _csv(draw).encode("utf-16")[:-1]


def nul_characters(draw):
    for kind, make in (("csv", _csv), ("jsonl", _jsonl), ("json", _json)):
        yield kind, _spliced(draw, make(draw), "\0" * draw.randint(1, 3)).encode()


def control_characters(draw):
    for kind, make in (("csv", _csv), ("jsonl", _jsonl)):
        yield (
            kind,
            _spliced(draw, make(draw), draw.choice(["\x1f", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])).encode(),
        )


def huge_field(draw):
    piece = draw.choice(["x", '"', "é "]) * 1_100_000
    yield "csv", _spliced(draw, _csv(draw), piece).encode()
    yield "jsonl", _spliced(draw, _jsonl(draw), piece).encode()


def ragged(draw):
    lines = _csv(draw).split("\n")
    for _ in range(3):
        place = draw.randrange(len(lines))
        lines[place] = draw.choice([lines[place] + ",extra", lines[place].partition(",")[0], ",,,,,", "alone"])
    yield "csv", "\n".join(lines).encode()


def broken_quotes(draw):
    yield "csv", _spliced(draw, _csv(draw), '"' * draw.choice([1, 3, 5])).encode()
    yield "csv", ('text,label\n"never closed,1\n' + "a,b\n" * 50).encode()
    yield "tsv", b'"text\tlabel\n"a" b\t1\n'


def binary(draw):
    yield "csv", draw.randbytes(draw.choice([5, 500, 5000]))
    yield "jsonl", draw.randbytes(800)
    yield "json", draw.choice([b"PK\x03\x04", b"\x89PNG\r\n", b"PAR1", b"\x1f\x8b"]) + draw.randbytes(300)


def deep_nesting(draw):
    opening, closing = draw.choice([("[", "]"), ('{"a":', "}")])
    nested = opening * 10_000 + "1" + closing * 10_000
    yield "jsonl", f'{{"text": "a b c", "label": "x"}}\n{{"text": {nested}}}\n'.encode()
    yield "json", nested.encode()
    yield "json", (opening * draw.randrange(1, 200)).encode()


def not_finite(draw):
    number = draw.choice(["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
    yield "jsonl", f'{{"text": "one two", "label": {number}}}\n'.encode()
    yield "json", f'[{{"text": "one two", "label": {number}}}]'.encode()
    yield "csv", f"text,label\none two,{number}\nthree,1\n".encode()


def duplicate_keys(draw):
    yield "jsonl", b'{"text": "a", "text": "b", "label": "x"}\n' * draw.randint(1, 3)
    yield "json", b'[{"label": "x", "label": "y", "text": "a"}]'


def wrong_types(draw):
    value = draw.choice(["null", "[]", "{}", "true", "5", '["a"]', '{"a": [1]}', '""'])
    yield "jsonl", (_jsonl(draw) + f'\n{{"text": {value}, "label": "x"}}\n').encode()
    yield "jsonl", (_jsonl(draw) + f'\n{{"text": "x", "label": {value}}}\n').encode()
    yield "json", f'[{{"text": {value}, "label": {value}}}, {value}]'.encode()


def not_objects(draw):
    yield "jsonl", ("\n".join(draw.choices(["1", '"a"', "[]", "null", "true", "{}"], k=6))).encode()
    yield "json", draw.choice([b"1", b'"text"', b"[1, 2]", b"[[]]", b"true", b'{"a": 1}', b'{"a": [1]}'])


def surrogates(draw):
    piece = draw.choice(["\\ud800", "\\udfff", "\\ud83d\\ud83d", "\\u0000"])
    yield "jsonl", f'{{"text": "a {piece} b", "label": "x"}}\n'.encode()
    yield "json", f'[{{"text": "{piece}"}}]'.encode()
    yield "csv", b"text,label\n\xed\xa0\x80,x\nok,y\n"


def strange_headers(draw):
    header = draw.choice(
        [",", "text,text", " text ,label ", '"",""', "1,2", "text,label,,,", "a" * 5000, "text,\ufefflabel"]
    )
    yield "csv", (header + "\n" + "\n".join(f"{text},x" for text in ("one two three", "four five six"))).encode()


def missing_columns(draw):
    yield "jsonl", b'{"a": 1}\n{"b": 2}\n{"text": "x y z"}\n'
    yield "csv", b"id,when\n1,2020-01-01\n2,2020-01-02\n"


def mixed_schemas(draw):
    yield "jsonl", (_jsonl(draw) + "\n" + '{"texto": "outro", "rotulo": "x"}\n' * 4).encode()


def wrong_suffix(draw):
    yield "json", _csv(draw).encode()
    yield "csv", _json(draw).encode()
    yield "jsonl", _json(draw).encode()
    yield "json", _jsonl(draw).encode()
    yield "parquet", _csv(draw).encode()


def line_ends(draw):
    end = draw.choice(["\r", "\r\n", "\n\r", "\r\r\n"])
    yield "csv", _csv(draw).replace("\n", end).encode()
    yield "jsonl", _jsonl(draw).replace("\n", end).encode()


def delimiters(draw):
    yield "csv", _csv(draw, draw.choice([";", "|", "\t", ":", "^", "||"])).encode()
    yield "csv", ("sep=" + draw.choice(["", '"', ";;", "\t", "x"]) + "\n" + _csv(draw)).encode()


def formulas(draw):
    cell = draw.choice(["=cmd|' /C calc'!A0", "@SUM(1+1)", "+1", "-2+3"])
    yield "csv", f"text,label\n{cell},x\n{cell} again,y\n".encode()


def spliced_garbage(draw):
    for kind, make in (("csv", _csv), ("jsonl", _jsonl), ("json", _json)):
        raw = bytearray(make(draw).encode())
        for _ in range(draw.randint(1, 20)):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        yield kind, bytes(raw)


GENERATORS = (
    empty, header_only, other_encodings, mixed_encodings, truncated, nul_characters, control_characters, huge_field,
    ragged, broken_quotes, binary, deep_nesting, not_finite, duplicate_keys, wrong_types, not_objects, surrogates,
    strange_headers, missing_columns, mixed_schemas, wrong_suffix, line_ends, delimiters, formulas, spliced_garbage,
)  # fmt: skip


def _cases():
    for generator, seed in itertools.product(GENERATORS, SEEDS):
        for number, (suffix, raw) in enumerate(generator(random.Random(f"{generator.__name__}{seed}"))):
            yield f"{generator.__name__}-{seed}-{number}.{suffix}", raw


CASES = list(_cases())


def test_there_are_enough_cases():
    assert len(CASES) >= 150
    assert len(GENERATORS) >= 25


@pytest.mark.parametrize(("name", "raw"), CASES, ids=[name for name, _ in CASES])
def test_malformed_files_are_read_or_refused_with_their_place(tmp_path, name, raw, capsys):
    path = tmp_path / name
    path.write_bytes(raw)
    refusal = _refusal(tmp_path, name)
    if refusal is not None:
        assert refusal.exit_code in (2, 3)
        assert re.search(rf"{re.escape(str(path))}:\d", str(refusal))
        assert refusal.problem.what
    code = main(["data", "check", str(path)])
    captured = capsys.readouterr()
    assert code in (0, 3)
    assert "E-AFINA-001" not in captured.err
    assert code == 0 or name.split(".")[0] in captured.out + captured.err


@pytest.mark.parametrize(("name", "raw"), CASES, ids=[name for name, _ in CASES])
def test_every_refused_row_names_its_line(tmp_path, name, raw):
    path = tmp_path / name
    path.write_bytes(raw)
    try:
        refused = [item for item in stream(open_files([path])) if isinstance(item, Problem)]
    except AfinaError:
        return
    num_lines = raw.count(b"\n") + raw.count(b"\r") + 1
    for problem in refused:
        line = int(re.match(rf"{re.escape(str(path))}:(\d+)", problem.where)[1])
        assert 1 <= line <= num_lines


def _refusal(folder, name):
    section = SimpleNamespace(
        train=name, format="auto", text=None, label=None, group=None, on_bad_row="stop", max_bad_share=0.0
    )
    try:
        data = read(section, folder)
    except AfinaError as error:
        return error
    assert data.rows
    assert all(isinstance(row.values[column], (str, int, float)) for row in data.rows for column in data.columns.text)
    return None
