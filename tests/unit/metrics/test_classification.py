import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from afina.metrics import classification


def rows(seed, num_rows=60, num_classes=4):
    generator = np.random.default_rng(seed)
    # The last class occurs neither in references nor in predictions now and then: a small draw of few rows.
    references = generator.integers(0, num_classes, num_rows)
    return generator.random((num_rows, num_classes)), references


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_scores_agree_with_scikit_learn(seed, num_rows, num_classes):
    predictions, references = rows(seed, num_rows, num_classes)
    chosen = predictions.argmax(axis=1)
    assert classification.accuracy(predictions, references) == metrics.accuracy_score(references, chosen)
    expected = metrics.f1_score(references, chosen, average="macro", zero_division=0)
    assert classification.macro_f1(predictions, references) == pytest.approx(expected, abs=1e-12)


def test_per_class_agrees_with_scikit_learn():
    predictions, references = rows(1, num_rows=9, num_classes=5)
    table = classification.per_class(predictions, references)
    expected = metrics.precision_recall_fscore_support(
        references, predictions.argmax(axis=1), labels=range(5), zero_division=0
    )
    for found, wanted in zip((table.precision, table.recall, table.f1, table.support), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_confusion_has_references_as_rows():
    predictions = np.eye(3)[[0, 1, 1, 1]]
    found = classification.confusion(predictions, np.array([0, 0, 1, 2]))
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_decide_takes_the_first_of_equals():
    assert classification.decide(np.array([[0.5, 0.5]])).tolist() == [0]
