from pathlib import Path
from types import SimpleNamespace

import pytest

from afina.base.errors import DataError
from afina.data.source import collect, describe, locate, open_files, read, stream


def _section(**values):
    defaults = {"train": "rows.csv", "validation": None, "test": None, "format": "auto", "text": None, "label": None}
    return SimpleNamespace(**{**defaults, "group": None, "on_bad_row": "stop", "max_bad_share": 0.01, **values})


def _write(path, num_good, bad=()):
    rows = [f"a sentence numbered {number},{'yes' if number % 2 else 'no'}" for number in range(num_good)]
    path.write_text("\n".join(["text,label", *rows, *bad]) + "\n", encoding="utf-8")
    return path


def test_read_gives_numbered_rows_roles_and_fingerprint(tmp_path):
    path = _write(tmp_path / "rows.csv", 10)
    data = read(_section(), tmp_path)
    assert [row.number for row in data.rows] == list(range(10))
    assert data.rows[3].where == f"{path}:5"
    assert data.columns.text == ("text",)
    assert data.format.startswith("csv, delimiter ,")
    assert len(data.fingerprint[str(path)]) == 64


def test_read_skips_and_lists_bad_rows_up_to_the_limit(tmp_path):
    _write(tmp_path / "rows.csv", 200, ["a,b,c", ",yes"])
    data = read(_section(), tmp_path)
    assert len(data.rows) == 200
    assert [problem.where.rsplit(":", 1)[1] for problem in data.refused] == ["202", "203"]


def test_read_stops_above_the_limit_and_lists_all_lines(tmp_path):
    _write(tmp_path / "rows.csv", 20, ["a,b,c"] * 3 + [",yes"])
    with pytest.raises(DataError) as caught:
        read(_section(), tmp_path)
    assert caught.value.code == "E-DATA-008"
    assert ":22-24" in str(caught.value)
    assert ":25" in str(caught.value)
    assert len(read(_section(on_bad_row="skip"), tmp_path).rows) == 20


def test_read_refuses_rows_without_label_unless_none_is_needed(tmp_path):
    _write(tmp_path / "rows.csv", 20, ["no label here,"])
    with pytest.raises(DataError, match="E-DATA-123"):
        read(_section(), tmp_path)
    assert len(read(_section(), tmp_path, needs_label=False).rows) == 21


def test_read_uses_the_roles_of_the_training_rows(tmp_path):
    _write(tmp_path / "rows.csv", 20)
    (tmp_path / "test.csv").write_text("text,label\nshort,yes\n", encoding="utf-8")
    section = _section(test="test.csv")
    train = read(section, tmp_path)
    assert read(section, tmp_path, "test", columns=train.columns).columns is train.columns


def test_read_several_files_counts_on(tmp_path):
    _write(tmp_path / "a.csv", 3)
    _write(tmp_path / "b.csv", 3)
    data = read(_section(train=["a.csv", "b.csv"]), tmp_path)
    assert [(row.number, Path(row.file).name, row.line) for row in data.rows][2:4] == [(2, "a.csv", 4), (3, "b.csv", 2)]


def test_locate_names_what_is_missing(tmp_path):
    _write(tmp_path / "here.csv", 1)
    with pytest.raises(DataError, match="gone.csv") as caught:
        locate(["gone.csv", "lost.csv"], tmp_path)
    assert caught.value.code == "E-DATA-001"
    assert "here.csv" in caught.value.problem.expected
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"text": 5, "label": {"a": 1}}', "E-DATA-124"),
        ('{"text": ["a"], "label": "x"}', "E-DATA-122"),
        ('{"text": true, "label": "x"}', "E-DATA-122"),
        ('{"label": "x"}', "E-DATA-125"),
        ('{"text": null, "label": "x"}', "E-DATA-121"),
    ],
)
def test_collect_refuses_values_of_the_wrong_kind(tmp_path, line, code):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "fine text here", "label": "x"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=code):
        collect(open_files([path], text="text", label="label"), max_bad_share=0)


def test_stream_holds_no_more_than_a_row(tmp_path):
    path = _write(tmp_path / "rows.csv", 50)
    rows = stream(open_files([path]))
    assert next(rows).line == 2


def test_open_files_of_nothing_usable(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("nonsense\nmore of it\n", encoding="utf-8")
    with pytest.raises(DataError, match="E-DATA-111") as caught:
        open_files([path])
    assert caught.value.code == "E-DATA-009"


def test_describe_names_the_kind(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n', encoding="utf-8")
    assert describe("auto", [path]) == "jsonl"
