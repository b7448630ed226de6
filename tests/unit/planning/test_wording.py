from dataclasses import replace

import pytest

from afina.base import messages
from afina.planning import wording
from afina.planning.figures import Disk, Frozen, Memory, Mend, Steps
from afina.planning.plan import Plan
from afina.planning.span import Span

PLAN = Plan(
    Steps(45, 15, 32, 8, 2, 300.0, 400.0, 64),
    1_234_567,
    22_000_000,
    Memory(Span(1.5e9, 2e9), "step", {"weights": 2**20, "gradients": 2**21, "state": 0, "kept": 2**30}, 10**9, True),
    Disk(Span(1e8, 1e8), 10**7, 10**7, 10**9),
    Span(100, 300),
    Span(200, 900),
    (Mend(("training.micro_batch_size=4",), "slower"),),
)


def test_lines_hold_every_figure():
    text = "\n".join(PLAN.lines())
    for part in (
        "45: 3 epochs of 15, 32 rows a step, 8 at once in each of 2 processes",
        "300 a step, and 25% of padding; the longest row has 64",
        "1,234,567 of 22,000,000 parameters (5.6%)",
        "1.4 GiB to 1.9 GiB at the peak, in a training step; 954 MiB are there",
        "weights 1 MiB, gradients 2 MiB, optimiser 0 MiB, activations of the longest batch 1.0 GiB",
        "3.3 to 15.0 min, of which training 1.7 to 5.0 min",
        "✗ It does not fit.",
        "1. training.micro_batch_size=4: slower",
        "Not counted",
    ):
        assert part in text, text


def test_lines_say_what_is_not_known():
    unknown = replace(PLAN, total_s=None, training_s=None, memory=replace(PLAN.memory, is_measured=False))
    text = "\n".join(unknown.lines())
    assert "unknown" in text
    assert "by formula" in text


def test_what_is_computed_once_is_named():
    plan = replace(PLAN, frozen=Frozen("4 blocks", 1500, 90_000, 2**26, Span(60, 200)))
    text = "\n".join(plan.lines())
    assert "the frozen part (4 blocks) of 1,500 texts, 90,000 tokens; 64 MiB in the prefix cache" in text
    time = "3.3 to 15.0 min, of which computing the frozen part once 1.0 to 3.3 min, training 1.7 to 5.0 min"
    assert time in text
    assert time in plan.sentence
    untimed = replace(plan, total_s=None, training_s=None, frozen=replace(plan.frozen, fill_s=None))
    assert "unknown" in "\n".join(untimed.lines())
    kept = replace(plan, frozen=Frozen("4 blocks", 0, 0, 0, Span(0, 0)))
    assert "kept already" in "\n".join(kept.lines())
    assert "frozen" not in kept.sentence


def test_lines_are_as_many_in_portuguese():
    english = len(PLAN.lines())
    messages.set_language("pt")
    assert len(PLAN.lines()) == english


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(20, 50, "20 to 50 s"), (100, 300, "1.7 to 5.0 min"), (600, 1200, "10 to 20 min"), (4000, 9000, "1.1 to 2.5 h")],
)
def test_times_choose_their_unit(low, high, text):
    assert wording._times(Span(low, high)) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (1, "100%"), (0.25, "25%"), (0.056, "5.6%"), (0.000034, "0.0034%")]
)
def test_percent_keeps_small_shares(share, text):
    assert wording.percent(share) == text


def test_size_chooses_its_unit():
    assert wording.size(5 * 2**20) == "5 MiB"
    assert wording.size(1.5 * 2**30) == "1.5 GiB"
