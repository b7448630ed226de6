import numpy as np

from afina.evaluation import majority


def test_single_answers_the_frequencies():
    found = majority.predict("single", np.array([1, 1, 0, 1]), 2, num_classes=3)
    assert found.tolist() == [[0.25, 0.75, 0.0]] * 2
    assert majority.method("single", ("a", "b", "c"), np.array([1, 1, 0, 1])).startswith("always answers b")


def test_multi_answers_each_class_as_most_have_it():
    found = majority.predict("multi", np.array([[1, 0], [1, 0], [0, 1]]), 1)
    np.testing.assert_allclose(found, [[2 / 3, 1 / 3]])
    assert majority.method("multi", ("a", "b"), np.eye(2)) == "answers each class as most training rows have it"


def test_regression_answers_the_mean():
    assert majority.predict("regression", np.array([1.0, 4.0]), 3).tolist() == [[2.5]] * 3
    assert "2.500" in majority.method("regression", (), np.array([1.0, 4.0]))
