"""Pairs of numbers from the predictions' file."""

from __future__ import annotations

import pytest

from afina.reporting.predictions import MOST, read_values

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_read_values_spreads_over_a_large_file(make_run):
    pairs, reason = read_values(make_run("regression"))
    assert reason == ""
    assert MOST // 2 < len(pairs) <= MOST


def test_read_values_takes_numbers_written_as_text(tmp_path):
    table = pyarrow.table({"reference": ["2.5", "1"], "prediction": ["2.25", "nan"]})
    parquet.write_table(table, tmp_path / "predictions.parquet")
    assert read_values(tmp_path) == ([(2.5, 2.25)], "")


def test_read_values_says_why_there_are_none(tmp_path):
    path = tmp_path / "predictions.parquet"
    assert read_values(tmp_path) == ([], "The run folder has no predictions.parquet.")
    path.write_bytes(b"not parquet")
    assert "predictions.parquet cannot be read" in read_values(tmp_path)[1]
    parquet.write_table(pyarrow.table({"reference": ["good"], "prediction": ["bad"]}), path)
    assert "predictions.parquet cannot be read" in read_values(tmp_path)[1]
    parquet.write_table(pyarrow.table({"other": [1]}), path)
    assert "predictions.parquet cannot be read" in read_values(tmp_path)[1]
