import numpy as np
import pytest
from scipy.stats import binomtest

from afina.metrics import mcnemar


def test_mcnemar_agrees_with_a_table_by_hand():
    # One row that only the first got right, seven that only the second did: 2 * (1 + 8) / 2**8, minus 8 / 2**8.
    first = np.array([True] + [False] * 7 + [True] * 5 + [False] * 2)
    second = np.array([False] + [True] * 7 + [True] * 5 + [False] * 2)
    found = mcnemar.mcnemar(first, second)
    assert (found.only_first, found.only_second) == (1, 7)
    assert found.exact == pytest.approx(18 / 256)
    assert found.mid_p == pytest.approx(10 / 256)


@pytest.mark.parametrize(("first", "second"), [(0, 5), (3, 3), (40, 70), (900, 1100)])
def test_exact_agrees_with_scipy(first, second):
    exact, mid_p = mcnemar.p_values(first, second)
    assert exact == pytest.approx(binomtest(first, first + second).pvalue, rel=1e-9)
    assert mid_p <= exact
    assert mcnemar.p_values(second, first) == (exact, mid_p)


def test_nothing_discordant_is_no_evidence():
    assert mcnemar.p_values(0, 0) == (1.0, 1.0)
