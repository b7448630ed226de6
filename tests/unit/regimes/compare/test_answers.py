"""Answers read back from a run's files."""

import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from afina.base import durable
from afina.base.errors import RunError
from afina.regimes.compare import answers
from afina.run.folder import RunFolder


def _run(folder, problem, labels, references, columns, texts=None):
    run = RunFolder(folder)
    durable.write_text(run.evaluation, json.dumps({"problem": problem, "labels": labels}))
    rows = {"text": texts or [f"text {place}" for place in range(len(references))], "reference": references}
    pyarrow.parquet.write_table(pyarrow.table({**rows, **columns}), run.predictions)
    return run


def test_one_class_per_row(tmp_path):
    run = _run(tmp_path, "single", ["b", "a"], ["a", "b"], {"p:b": [0.2, 0.9], "p:a": [0.8, 0.1]})
    found = answers.read(run)
    assert found.references.tolist() == [1, 0]
    assert found.predictions.tolist() == [[0.2, 0.8], [0.9, 0.1]]
    assert found.texts == ("text 0", "text 1")


def test_several_labels_also_where_a_label_holds_a_comma(tmp_path):
    labels = ["red", "red, white", "white"]
    written = ["", "red", "red, white", "red, red, white", "red, white, white"]
    columns = {f"p:{label}": [0.5] * len(written) for label in labels}
    found = answers.read(_run(tmp_path, "multi", labels, written, columns))
    # "red, white" is either two labels or one; the first reading in their order is taken, the same for every run.
    assert found.references.tolist() == [[0, 0, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1]]


def test_values(tmp_path):
    found = answers.read(_run(tmp_path, "regression", [], ["1.5", "-2"], {"value": [1.0, 2.0]}))
    assert found.references.tolist() == [1.5, -2.0]
    assert found.predictions.shape == (2, 1)


def test_other_rows_are_noticed(tmp_path):
    columns = {"p:a": [1.0], "p:b": [0.0]}
    one = answers.read(_run(tmp_path / "1", "single", ["a", "b"], ["a"], columns))
    same = answers.read(_run(tmp_path / "2", "single", ["a", "b"], ["a"], {"p:a": [0.1], "p:b": [0.9]}))
    label = answers.read(_run(tmp_path / "3", "single", ["a", "b"], ["b"], columns))
    text = answers.read(_run(tmp_path / "4", "single", ["a", "b"], ["a"], columns, ["other"]))
    assert one.are_of_the_same_rows(same)
    assert not one.are_of_the_same_rows(label)
    assert not one.are_of_the_same_rows(text)
    assert np.array_equal(one.references, same.references)


def test_what_cannot_be_read_is_said(tmp_path):
    run = _run(tmp_path, "single", ["a", "b"], ["c"], {"p:a": [1.0], "p:b": [0.0]})
    with pytest.raises(RunError, match="cannot be read"):
        answers.read(run)
    run.predictions.unlink()
    with pytest.raises(RunError) as caught:
        answers.read(run)
    assert caught.value.code == "E-COMPARE-023"
