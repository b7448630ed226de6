"""Where answers may be written; what they say is tested with the commands."""

from pathlib import Path

import pytest

from afina.base.errors import UsageError
from afina.run.predicting import check_output


def test_the_ending_says_how_answers_are_written(tmp_path):
    assert check_output([], tmp_path / "out.CSV")
    assert not check_output([], tmp_path / "out.jsonl")
    with pytest.raises(UsageError, match="E-USAGE-012"):
        check_output([], tmp_path / "out.xlsx")


def test_rows_are_never_written_over(tmp_path, monkeypatch):
    rows = tmp_path / "rows.csv"
    rows.write_text("text\na\n")
    (tmp_path / "link.csv").symlink_to(rows)
    monkeypatch.chdir(tmp_path)
    for output in (rows, Path("rows.csv"), Path("./link.csv")):
        with pytest.raises(UsageError, match="E-USAGE-013"):
            check_output([rows], output)
