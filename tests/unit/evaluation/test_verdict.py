import pytest

from afina.base.messages import set_language
from afina.evaluation import verdict
from afina.evaluation.contender import Interval
from afina.evaluation.contract import Difference


def difference(metric="accuracy", low=0.012, high=0.07, outcome="better"):
    return Difference(
        metric=metric, base=0.85, tuned=0.891, difference=0.041, interval=Interval(low=low, high=high), outcome=outcome
    )


@pytest.mark.parametrize(
    ("metric", "low", "high", "p_value", "expected"),
    [
        ("accuracy", 0.01, 0.05, 0.01, "better"),
        ("accuracy", 0.01, 0.05, 0.06, "no difference"),
        ("accuracy", -0.05, -0.01, 0.01, "worse"),
        ("accuracy", -0.01, 0.05, 0.01, "no difference"),
        ("accuracy", 0.0, 0.05, None, "no difference"),
        ("mae", 0.01, 0.05, None, "worse"),
        ("rmse", -0.05, -0.01, None, "better"),
        ("spearman", None, None, None, "no difference"),
    ],
)
def test_outcome_needs_the_interval_and_the_test(metric, low, high, p_value, expected):
    assert verdict.outcome(metric, Interval(low=low, high=high), p_value, confidence=0.95) == expected


def test_smallest_visible_is_half_the_interval_but_never_below_what_a_test_can_see():
    wide, narrow = difference(low=-0.1, high=0.3), difference(low=0.0, high=0.0)
    assert verdict.smallest_visible(wide, 400, confidence=0.95) == pytest.approx(0.2)
    assert verdict.smallest_visible(narrow, 40, confidence=0.95) == 5 / 40
    assert verdict.smallest_visible(narrow, 3, confidence=0.95) == 1.0
    assert verdict.smallest_visible(difference("mae", low=-0.1, high=0.3), 40, confidence=0.95) == pytest.approx(0.2)


def test_smallest_visible_is_never_below_a_difference_that_was_not_seen():
    unseen = difference(low=0.03, high=0.06, outcome="no difference")
    assert verdict.smallest_visible(unseen, 4000, confidence=0.95) == unseen.difference


def test_sentence_in_english():
    found = verdict.sentence(difference(), p_value=0.003, n=1400, smallest=0.03, confidence=0.95)
    assert found == (
        "Better than the base: accuracy 89.1% against 85.0%, +4.1 points "
        "(95% interval +1.2 to +7.0 points, p = 0.003, n = 1,400 test rows)."
    )


def test_sentence_in_portuguese():
    set_language("pt")
    found = verdict.sentence(
        difference(outcome="no difference", low=-0.02), p_value=0.3, n=1400, smallest=0.045, confidence=0.95
    )
    assert found.startswith("Não se pode mostrar diferença em relação à base: acurácia 89,1% contra 85,0%, +4,1 pontos")
    assert "n = 1.400 linhas de teste" in found
    assert found.endswith("uma diferença abaixo de 4,5 pontos não se distingue do acaso.")


def test_remarks_are_silent_when_all_agree():
    both = (difference(), difference("macro_f1"))
    assert verdict.remarks(both, over_majority="better", problem="single") == ()


def test_remarks_name_the_trivial_answer():
    level = verdict.remarks((difference("mae"),), over_majority="no difference", problem="regression")
    below = verdict.remarks((difference(),), over_majority="worse", problem="single")
    assert level == ("It cannot be told from always answering the mean of the training rows.",)
    assert below == ("It is worse than always answering the most frequent class.",)


def test_undefined_interval_is_said():
    assert verdict.interval_text("spearman", Interval(low=None, high=None)) == "undefined"
