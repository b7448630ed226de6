import pytest

from afina.base.messages import set_language
from afina.metrics import wording


@pytest.fixture
def portuguese():
    set_language("pt")
    yield
    set_language(None)


def test_english_writes_a_point():
    assert wording.value_text("accuracy", 0.8912) == "89.1%"
    assert wording.value_text("mae", 1234.5678) == "1,234.568"
    assert wording.difference_text("accuracy", 0.0412) == "+4.1 points"
    assert wording.p_text(0.0123) == "p = 0.012"
    assert wording.p_text(0.00001) == "p < 0.001"


def test_portuguese_writes_a_comma(portuguese):
    assert wording.value_text("accuracy", 0.8912) == "89,1%"
    assert wording.value_text("mae", 1234.5678) == "1.234,568"
    assert wording.difference_text("macro_f1", -0.0412) == "-4,1 pontos"
    assert wording.title("accuracy") == "acurácia"


def test_differences_of_errors_keep_their_unit():
    assert wording.difference_text("rmse", -0.25) == "-0.250"


def test_nothing_has_no_sign():
    assert wording.signed("accuracy", -0.0001) == "0.0"
    assert wording.signed("accuracy", 0.0) == "0.0"
    assert wording.value_text("r2", -0.0001) == "0.000"


def test_undefined_is_a_dash():
    assert wording.value_text("spearman", None) == wording.signed("r2", None) == "-"
