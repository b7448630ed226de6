import dataclasses

import pytest

from afina.base.messages import set_language
from afina.evaluation import box
from afina.evaluation.compare import Graded, compare
from afina.evaluation.contract import Cost, Example


@pytest.fixture
def evaluation(contest):
    labels, references, predictions = contest(base=0.5, tuned=2.0)
    rows = [Example(row=index, where=f"rows.csv:{index + 2}", text="long " * 40) for index in range(len(references))]
    train = Graded(predictions.tuned, references)
    cost = Cost(
        train_s=93.2,
        num_trainable_parameters=5_500,
        num_parameters=22_000,
        device="cpu",
        peak_memory_bytes=1_340_000_000,
    )
    whole = compare("single", labels, references, predictions, train=train, rows=rows)
    return dataclasses.replace(whole, cost=cost)


def test_box_shows_verdict_table_cost_and_three_mistakes(evaluation):
    lines = box.lines(evaluation)
    assert lines[0] == evaluation.verdict.sentence
    table = [line for line in lines if line.startswith(("trivial answer", "base", "tuned"))]
    assert [line.split()[0] for line in table] == ["trivial", "base", "tuned"]
    assert f"{100 * evaluation.scores.tuned.main.value:.1f}%" in table[2]
    assert "Trained in 1 min 33 s on cpu; 5,500 of 22,000 parameters moved (25.0%); peak memory 1.3 GB." in lines
    assert sum("taken for" in line for line in lines) == 3
    assert all(len(line) < 150 for line in lines)


def test_box_speaks_portuguese(evaluation):
    set_language("pt")
    lines = box.lines(evaluation)
    assert any(line.startswith("Piores ") for line in lines)
    assert any("5.500 de 22.000 parâmetros ajustados (25,0%)" in line for line in lines)


def test_right_answers_are_no_mistakes(evaluation):
    right = [dataclasses.replace(row, prediction=row.reference) for row in evaluation.top_losses]
    assert "Worst mistakes:" not in box.lines(dataclasses.replace(evaluation, top_losses=tuple(right)))


def test_durations_and_sizes():
    assert [box.duration(seconds) for seconds in (8.24, 93, 7500)] == ["8.2 s", "1 min 33 s", "2 h 5 min"]
    assert [box.size(value) for value in (12, 1500, 90_900_000, 2e9)] == ["12 B", "1.5 kB", "90.9 MB", "2.0 GB"]
