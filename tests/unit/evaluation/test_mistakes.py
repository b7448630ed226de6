import numpy as np

from afina.evaluation.contract import Example
from afina.evaluation.mistakes import MAX_TEXT, top_losses


def test_worst_rows_come_first_with_their_origin():
    predictions = np.array([[0.9, 0.1], [0.4, 0.6], [0.01, 0.99]])
    rows = [Example(row=index, where=f"rows.csv:{index + 2}", text=f"text {index}") for index in range(3)]
    found = top_losses("single", ("a", "b"), predictions, np.array([0, 0, 0]), rows, count=2)
    assert [row.where for row in found] == ["rows.csv:4", "rows.csv:3"]
    assert (found[0].reference, found[0].prediction, found[0].probability) == ("a", "b", 0.99)
    assert np.isclose(found[0].loss, -np.log(0.01))


def test_multi_names_all_classes_of_a_row():
    predictions = np.array([[0.9, 0.8, 0.3]])
    found = top_losses("multi", ("a", "b", "c"), predictions, np.array([[1, 0, 1]]), (), count=5)
    assert (found[0].reference, found[0].prediction) == ("a, c", "a, b")
    assert found[0].probability == 0.8
    assert np.isclose(found[0].loss, -np.log(0.9) - np.log(0.2) - np.log(0.3))


def test_regression_loss_is_the_squared_error():
    found = top_losses("regression", (), np.array([[1.0], [4.0]]), np.array([1.5, 2.0]), (), count=1)
    assert (found[0].row, found[0].reference, found[0].prediction, found[0].loss) == (1, "2", "4", 4.0)
    assert found[0].probability is None


def test_equal_losses_come_by_row_and_long_texts_are_cut():
    rows = [Example(row=row, where="", text="x" * 1000) for row in (5, 2)]
    found = top_losses("single", ("a", "b"), np.full((2, 2), 0.5), np.array([0, 1]), rows, count=2)
    assert [row.row for row in found] == [2, 5]
    assert len(found[0].text) == MAX_TEXT
