import csv
import json

import pytest

from afina.base.errors import DataError
from afina.data.fix import fix
from afina.data.personal import KINDS
from afina.data.source import collect, open_files

LONG = "the parcel came late on monday and the box was broken at two of its corners"
ROWS = [
    "texto;rotulo",
    "Não gostei;Ruim",
    " nÃ£o  gostei ;ruim",
    "CPF 529.982.247-25, me ligue;Bom",
    ";Bom",
    f"{LONG};Bom",
    f"{LONG}!;Bom",
    "muito bom;Bom",
    "a;b;c",
    "péssimo;Ruim",
]


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes("\r\n".join(ROWS).encode("cp1252"))
    return path


def _read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_fix_corrects_and_says_what(original, tmp_path):
    before = original.read_bytes()
    fixed = fix(open_files([original]), tmp_path / "new.csv")
    assert original.read_bytes() == before
    lines = _read(tmp_path / "new.csv")
    assert lines[0] == ["texto", "rotulo"]
    assert lines[2] == ["não  gostei", "Ruim"]
    assert (fixed.num_read, fixed.num_written) == (9, 7)
    changes = {change.kind: [row.rsplit(":", 1)[1] for row in change.rows] for change in fixed.changes}
    assert changes == {"unusable": ["5", "9"], "decoding": ["3"], "spaces": ["3"], "label": ["3"]}


def test_fix_leaves_copies_out(original, tmp_path):
    exact = fix(open_files([original]), tmp_path / "exact.csv", deduplicate="exact")
    near = fix(open_files([original]), tmp_path / "near.csv", deduplicate="near")
    assert exact.num_written == 7
    assert near.num_written == 6
    assert [change.rows for change in near.changes if change.kind == "near-duplicate"] == [(f"{original}:7",)]


def test_fix_redacts_every_text_column_but_the_label(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"write to me{number}@x.org", "label": "a@b.com", "note": "52998224725"} for number in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fix(open_files([path], label="label"), tmp_path / "new.jsonl", redact=KINDS)
    written = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text("utf-8").splitlines()]
    assert written[0] == {"text": "write to [EMAIL]", "label": "a@b.com", "note": "[CPF]"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json"])
def test_fix_writes_what_is_read_again(original, tmp_path, suffix):
    fixed = fix(open_files([original]), tmp_path / f"new{suffix}")
    again = collect(open_files([fixed.target]))
    assert len(again.rows) == fixed.num_written
    assert again.columns.text == ("texto",)
    assert again.rows[0].values == {"texto": "Não gostei", "rotulo": "Ruim"}


def test_fix_refuses_to_write_over_its_source(original, tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(original)
    for target in (original, link, tmp_path / "sub" / ".." / "rows.csv"):
        with pytest.raises(DataError) as caught:
            fix(open_files([original]), target, overwrite=True)
        assert caught.value.code == "E-DATA-021"


def test_fix_refuses_an_existing_file_unless_told(original, tmp_path):
    target = tmp_path / "new.csv"
    target.write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match="E-DATA-021"):
        fix(open_files([original]), target)
    assert target.read_text("utf-8") == "precious"
    fix(open_files([original]), target, overwrite=True)
    assert target.read_text("utf-8") != "precious"


def test_fix_refuses_a_suffix_it_does_not_write(original, tmp_path):
    with pytest.raises(DataError, match="E-DATA-022"):
        fix(open_files([original]), tmp_path / "new.parquet")


def test_fix_keeps_contradictions_for_a_person(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nsame text,a\nsame text,b\nsame text,a\n", encoding="utf-8")
    assert fix(open_files([path]), tmp_path / "new.csv", deduplicate="near").num_written == 2
