"""Student's t against scipy's."""

import math

import pytest
from scipy import stats

from afina.metrics import student


@pytest.mark.parametrize("degrees", [1, 2, 2.5, 8, 300])
@pytest.mark.parametrize("statistic", [0.0, 0.01, -1.0, 3.0, 40.0])
def test_two_sided_p_is_scipys(statistic, degrees):
    assert student.two_sided_p(statistic, degrees) == pytest.approx(2 * stats.t.sf(abs(statistic), degrees), rel=1e-10)


def test_infinite_degrees_are_the_normal_distribution():
    assert student.two_sided_p(1.5, math.inf) == pytest.approx(2 * stats.norm.sf(1.5), rel=1e-12)
    assert student.quantile(0.95, math.inf) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize("degrees", [1, 2, 8, 300, math.inf])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.9999])
def test_quantile_is_scipys(confidence, degrees):
    assert student.quantile(confidence, degrees) == pytest.approx(stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-8)
