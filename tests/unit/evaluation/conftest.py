"""Contenders of known skill on random rows."""

import numpy as np
import pytest

from afina.evaluation import compare

LABELS = {"single": ("complaint", "praise", "question"), "multi": ("a", "b", "c"), "regression": ()}


@pytest.fixture
def contest():
    """Return a maker of references and predictions whose contenders have the skills asked for."""

    def make(problem="single", base=1.0, tuned=1.0, num_rows=400, seed=0):
        generator = np.random.default_rng(seed)
        references = {
            "single": generator.integers(0, 3, num_rows),
            "multi": (generator.random((num_rows, 3)) < 0.4).astype(np.int64),
            "regression": generator.normal(size=num_rows),
        }[problem]
        majority, before, after = (predict(problem, references, skill, generator) for skill in (0.0, base, tuned))
        return LABELS[problem], references, compare.Predictions(majority, before, after)

    return make


def predict(problem, references, skill, generator):
    if problem == "regression":
        return (references + generator.normal(size=len(references)) / (0.1 + skill))[:, None]
    if problem == "multi":
        return 1 / (1 + np.exp(-(2 * references - 1) * skill - generator.normal(size=references.shape)))
    scores = generator.normal(size=(len(references), 3))
    scores[np.arange(len(references)), references] += skill
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
