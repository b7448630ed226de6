"""The laws that every task keeps: rows in, answers out, and the same again from what was written down."""

import json

import numpy as np
import pytest
import torch

from afina.base import registry
from afina.base.errors import DataError
from afina.data.contract import Columns, Row
from afina.inference.forward import Forward
from afina.models import loading, sources
from afina.models import processor as processors
from afina.recipe.schema import Base
from afina.tasks.contract import Limit

KINDS = registry.names("tasks")
TEXTS = ("abc def", "gh ij kl mn", "op", "qr st uv wx yz abc def gh ij", "kl mn", "zz top")
LONG = " ".join(["word"] * 60)
CASES = {
    "single": {"values": ["no", "yes", "no", "perhaps", "yes", "no"]},
    "multi": {"values": ["a|b", "b", "a", "b|c", "c", "a|b"], "options": {"separator": "|"}},
    "columns": {"values": [(1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (0, 1)]},
    "regression": {"values": [0.5, 2.25, -1.75, 3.0, 0.1, 10.0]},
    "pairs": {"values": ["no", "yes", "no", "yes", "yes", "no"], "num_texts": 2},
    "three columns": {"values": ["no", "yes", "no", "yes", "yes", "no"], "num_texts": 3},
    "mean": {"values": ["no", "yes", "no", "yes", "yes", "no"], "options": {"pooling": "mean"}},
    "windows": {"values": ["no", "yes", "no", "yes", "yes", "no"], "long": True},
    "truncated": {"values": ["no", "yes", "no", "yes", "yes", "no"], "long": True, "long_text": "truncate"},
}
PROBLEMS = {"multi": "multi", "columns": "multi", "regression": "regression"}

every_case = pytest.mark.parametrize("case", CASES)


class Setting:
    """A task over the rows of a case, with a model for it."""

    def __init__(self, folder, *, values, options=None, num_texts=1, long=False, long_text="windows"):
        text = tuple(f"text {place}" for place in range(num_texts))
        labels = ("first", "second") if isinstance(values[0], tuple) else ("label",)
        texts = [LONG, *TEXTS[1:]] if long else TEXTS
        self.rows = []
        for number, value in enumerate(values):
            fields = {column: texts[number - place] for place, column in enumerate(text)}
            fields.update(zip(labels, value, strict=True) if isinstance(value, tuple) else {labels[0]: value})
            self.rows.append(Row(number, "rows.csv", number + 2, fields))
        self.columns = Columns(text, labels)
        self.source = sources.locate(Base(name=str(folder)))
        self.processor = processors.load(self.source)
        self.limit = Limit(16 if long else 48, long_text)
        self.options = options or {}

    def task(self, kind="text-classification", rows=None, **options):
        return registry.build(
            "tasks",
            registry.config("tasks", kind)(**{**self.options, **options}),
            rows=self.rows if rows is None else rows,
            columns=self.columns,
            source=self.source,
            processor=self.processor,
            limit=self.limit,
        )

    def forward(self, task):
        model = loading.load(self.source, task.head, self.processor, seed=0, dropout=0.0)
        return Forward(model, torch.device("cpu"), "float32")


@pytest.fixture
def setting(tiny_folder):
    return lambda case: Setting(tiny_folder("bert"), **CASES[case])


def _restore(kind, description, processor):
    return registry.module("tasks", kind).restore(description, processor)


@pytest.mark.parametrize("kind", KINDS)
@every_case
def test_every_row_is_encoded_once_and_in_order(setting, kind, case):
    place = setting(case)
    task = place.task(kind)
    segments = task.encode(place.rows)
    assert [segment.row for segment in segments] == [row.number for row in place.rows]
    assert all(segment.longest <= place.limit.max_tokens for segment in segments)
    assert all(segment.target is not None for segment in segments)
    assert {segment.graded for segment in segments} == {(0,) if task.head.pooling == "cls" else None}
    assert task.encode([]) == []
    assert (len(segments[0].documents) > 1) == (case == "windows")


@pytest.mark.parametrize("kind", KINDS)
@every_case
def test_predictions_have_the_shape_that_scores_are_made_of(setting, kind, case):
    place = setting(case)
    task = place.task(kind)
    predictions = place.forward(task).predict(task, task.encode(place.rows))
    references = task.references(place.rows)
    assert predictions.dtype == np.float64
    assert predictions.shape == (len(place.rows), len(task.head.labels))
    if task.head.problem == "single":
        np.testing.assert_allclose(predictions.sum(1), 1.0, rtol=1e-6)
    if task.head.problem == "multi":
        assert references.shape == predictions.shape
    scores = task.score(predictions, references)
    assert scores
    assert all(isinstance(value, float) for value in scores.values())
    assert len(task.decide(predictions)) == len(task.names(references)) == len(place.rows)


@pytest.mark.parametrize("kind", KINDS)
@every_case
def test_what_was_written_down_is_the_same_task(setting, kind, case):
    place = setting(case)
    task = place.task(kind)
    forward = place.forward(task)
    expected = forward.predict(task, task.encode(place.rows))
    settled = task.settled(forward.model)
    description = json.loads(json.dumps(settled.describe()))
    again = _restore(kind, description, place.processor)
    assert again.describe() == description
    assert again.head == task.head
    segments, others = task.encode(place.rows), again.encode(place.rows)
    for one, other in zip(segments, others, strict=True):
        assert all(np.array_equal(mine, theirs) for mine, theirs in zip(one.documents, other.documents, strict=True))
    np.testing.assert_allclose(forward.predict(again, others), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(again.references(place.rows), task.references(place.rows))
    assert again.decide(expected) == task.decide(expected)


@pytest.mark.parametrize("kind", KINDS)
@every_case
def test_targets_are_references_and_rows_without_labels_have_none(setting, kind, case):
    place = setting(case)
    task = place.task(kind)
    references = task.references(place.rows)
    for segment, reference in zip(task.encode(place.rows), references, strict=True):
        if task.head.problem == "regression":
            assert segment.target * task.reader.scale + task.reader.shift == pytest.approx(reference)
        else:
            np.testing.assert_array_equal(segment.target, reference)
    bare = [
        Row(row.number, row.file, row.line, {key: row.values[key] for key in place.columns.text}) for row in place.rows
    ]
    assert all(segment.target is None for segment in task.over(place.columns).encode(bare))
    assert all(segment.target is None for segment in task.over(place.columns).encode(place.rows))


@pytest.mark.parametrize(
    ("case", "problem", "labels"),
    [
        ("single", "single", ("no", "perhaps", "yes")),
        ("multi", "multi", ("a", "b", "c")),
        ("columns", "multi", ("first", "second")),
        ("regression", "regression", ("label",)),
    ],
)
def test_problem_and_labels_are_read_from_the_rows_and_explained(setting, case, problem, labels):
    task = setting(case).task()
    assert (task.head.problem, task.head.labels) == (problem, labels)
    assert {found.path for found in task.inferred} == {"task.problem", "task.pooling"}
    assert all(found.why for found in task.inferred)
    assert {found.path for found in setting(case).task(problem=problem, pooling="cls").inferred} == set()


@pytest.mark.parametrize(
    ("values", "problem", "labels"),
    [
        (["1", "2", "10", "2", "1", "10"], "single", ("1", "2", "10")),
        (["1", "2", "10", "x", "1", "10"], "single", ("1", "2", "10", "x")),
        ([0, 1, 0, 1, 1, 0], "single", ("0", "1")),
        (["0.5", "1", "2", "3", "4", "5"], "regression", ("label",)),
        ([["a", "b"], ["b"], [], ["a"], ["c"], ["b"]], "multi", ("a", "b", "c")),
        ([True, False, True, False, True, True], "single", ("False", "True")),
    ],
)
def test_labels_are_inferred_as_people_write_them(tiny_folder, values, problem, labels):
    task = Setting(tiny_folder("bert"), values=values).task()
    assert (task.head.problem, task.head.labels) == (problem, labels)


def test_many_whole_numbers_are_amounts(tiny_folder):
    place = Setting(tiny_folder("bert"), values=[str(number) for number in range(6)])
    rows = [Row(number, "rows.csv", number, {"text 0": "x", "label": str(number)}) for number in range(21)]
    assert place.task(rows=rows).head.problem == "regression"
    assert place.task(rows=rows[:20]).head.problem == "single"


def test_labels_keep_the_order_that_was_asked_for(setting):
    task = setting("single").task(labels=("yes", "perhaps", "no"))
    assert task.head.labels == ("yes", "perhaps", "no")
    assert task.references(setting("single").rows).tolist() == [2, 0, 2, 1, 0, 2]


def test_regression_references_are_the_users_own_numbers(setting):
    place = setting("regression")
    assert place.task().references(place.rows).tolist() == CASES["regression"]["values"]


def test_a_settled_regression_speaks_the_labels_unit_by_itself(setting):
    place = setting("regression")
    task = place.task()
    forward = place.forward(task)
    before = forward.predict(task, task.encode(place.rows))
    settled = task.settled(forward.model)
    assert (settled.reader.scale, settled.reader.shift) == (1.0, 0.0)
    np.testing.assert_allclose(forward.predict(settled, settled.encode(place.rows)), before, rtol=1e-4)


def _refused(place, values, code, **options):
    rows = [Row(number, "rows.csv", number + 2, {"text 0": "x", "label": value}) for number, value in enumerate(values)]
    with pytest.raises(DataError) as error:
        place.task(rows=rows, **options).references(rows)
    assert error.value.code == code
    return error.value


def test_rows_that_cannot_be_used_are_all_listed_with_their_lines(setting):
    place = setting("single")
    error = _refused(place, ["no", "", "yes", None], "E-DATA-103")
    assert [problem.where for problem in error.problems] == ["rows.csv:3", "rows.csv:5"]
    error = _refused(place, ["no", "maybe", "yes", "never"], "E-DATA-101", labels=("no", "yes"))
    assert [problem.where for problem in error.problems] == ["rows.csv:3", "rows.csv:5"]
    _refused(place, ["no", "no"], "E-DATA-104")
    _refused(place, ["1.5", "many"], "E-DATA-105", problem="regression")
