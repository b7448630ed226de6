import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from afina.metrics import multilabel


def rows(seed, num_rows, num_classes):
    generator = np.random.default_rng(seed)
    return generator.random((num_rows, num_classes)), (generator.random((num_rows, num_classes)) < 0.3).astype(int)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_scores_agree_with_scikit_learn(seed, num_rows, num_classes):
    predictions, references = rows(seed, num_rows, num_classes)
    chosen = (predictions >= 0.5).astype(int)
    # A class that occurs nowhere is left out here and counted as 0 there, unless it is not among the columns.
    occurring = np.flatnonzero((chosen + references).any(axis=0))
    expected = (
        metrics.f1_score(references[:, occurring], chosen[:, occurring], average="macro", zero_division=0)
        if len(occurring) > 1
        else multilabel.micro_f1(predictions, references)
    )
    assert multilabel.macro_f1(predictions, references) == pytest.approx(expected, abs=1e-12)
    assert multilabel.subset_accuracy(predictions, references) == np.mean((chosen == references).all(axis=1))


def test_micro_f1_agrees_with_scikit_learn():
    predictions, references = rows(3, 50, 4)
    chosen = predictions >= 0.5
    expected = metrics.f1_score(references, chosen, average="micro")
    assert multilabel.micro_f1(predictions, references) == pytest.approx(expected, abs=1e-12)
    assert multilabel.subset_accuracy(predictions, references) == metrics.accuracy_score(references, chosen)


def test_per_class_agrees_with_scikit_learn():
    predictions, references = rows(4, 20, 3)
    table = multilabel.per_class(predictions, references)
    expected = metrics.precision_recall_fscore_support(references, predictions >= 0.5, zero_division=0)
    for found, wanted in zip((table.precision, table.recall, table.f1, table.support), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_nothing_there_and_nothing_predicted_scores_zero():
    assert multilabel.micro_f1(np.zeros((3, 2)), np.zeros((3, 2))) == 0.0
