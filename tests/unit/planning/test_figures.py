import pytest

from afina.planning.figures import Mend, Steps, judge
from afina.planning.span import Span


@pytest.mark.parametrize(("there", "verdict"), [(30, "fits"), (20, "fits"), (15, "tight"), (10, "tight"), (9, "no")])
def test_judge_looks_at_both_ends(there, verdict):
    assert judge(Span(10, 20), there) == verdict


def test_steps_know_epochs_and_padding():
    steps = Steps(45, 15, 32, 8, 1, tokens_per_step=300.0, padded_tokens_per_step=400.0, longest_tokens=64)
    assert steps.epochs == 3
    assert steps.padding_share == pytest.approx(0.25)


def test_a_mend_is_a_command_and_its_price():
    assert str(Mend(("a=1", "b=2"), "slower")) == "a=1 b=2: slower"
    assert str(Mend((), "buy more")) == "buy more"
