import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics

from afina.metrics import regression


@pytest.fixture(params=[False, True], ids=["distinct", "ties"])
def rows(request):
    generator = np.random.default_rng(0)
    references = 1e6 + 3 * generator.normal(size=200)
    predictions = references + generator.normal(size=200)
    return (np.round(predictions), np.round(references)) if request.param else (predictions, references)


def test_scores_agree_with_scikit_learn(rows):
    predictions, references = rows
    column = predictions[:, None]
    assert regression.mae(column, references) == pytest.approx(
        metrics.mean_absolute_error(references, predictions), abs=1e-12
    )
    expected = metrics.root_mean_squared_error(references, predictions)
    assert regression.rmse(column, references) == pytest.approx(expected, abs=1e-12)
    assert regression.r2(column, references) == pytest.approx(metrics.r2_score(references, predictions), abs=1e-9)
    assert regression.spearman(column, references) == pytest.approx(spearmanr(predictions, references)[0], abs=1e-12)


def test_constant_side_leaves_the_correlation_undefined():
    constant, varied = np.full((4, 1), 0.1), np.arange(4.0)
    assert np.isnan(regression.spearman(constant, varied))
    assert np.isnan(regression.r2(varied[:, None], constant[:, 0]))
    assert regression.r2(constant, varied) < 0
