"""The laws that every schedule keeps: a pure function of step and length, from a rise to its end."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from afina.base import registry
from tests import tiny

KINDS = registry.names("engine.schedules")
every_schedule = pytest.mark.parametrize("kind", KINDS)
WARMING = [kind for kind in KINDS if "warm_up" in registry.config("engine.schedules", kind).model_fields]


def _curve(kind, num_steps, **options):
    schedule = tiny.technique("engine.schedules", kind, **options)
    return [schedule(step, num_steps) for step in range(num_steps)]


@every_schedule
@given(num_steps=st.integers(1, 400))
@settings(max_examples=40, deadline=None)
def test_factors_are_shares_and_rise_once_and_fall_once(kind, num_steps):
    curve = _curve(kind, num_steps)
    assert all(0.0 < factor <= 1.0 for factor in curve)
    top = curve.index(max(curve))
    assert curve[: top + 1] == sorted(curve[: top + 1])
    assert curve[top:] == sorted(curve[top:], reverse=True)


@every_schedule
@pytest.mark.parametrize("num_steps", [20, 100, 1000])
def test_the_full_rate_is_reached(kind, num_steps):
    assert max(_curve(kind, num_steps)) == 1.0


@every_schedule
def test_a_factor_depends_on_step_and_length_alone(kind):
    schedule = tiny.technique("engine.schedules", kind)
    forwards = [schedule(step, 50) for step in range(50)]
    backwards = [schedule(step, 50) for step in reversed(range(50))]
    assert forwards == backwards[::-1]
    assert _curve(kind, 50) == forwards


@pytest.mark.parametrize("kind", WARMING)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_warm_up_takes_its_share_of_the_steps_in_equal_parts(kind, share):
    curve = _curve(kind, 40, warm_up=share)
    rising = int(share * 40)
    assert curve[rising] == 1.0
    assert curve[:rising] == pytest.approx([(step + 1) / (rising + 1) for step in range(rising)])
    assert curve[0] > 0


@pytest.mark.parametrize("kind", ["linear", "cosine", "slanted-triangular"])
def test_falling_schedules_end_low(kind):
    curve = _curve(kind, 200)
    assert curve[-1] < 0.05
    assert _curve("constant", 200)[-1] == 1.0


def _of_transformers(make, warm_up, num_steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer, warm_up, num_steps)
    rates = []
    for _ in range(num_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(
    ("kind", "make"), [("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)]
)
@pytest.mark.parametrize("share", [0.0, 0.06, 0.3])
def test_the_fall_is_that_of_transformers(kind, make, share):
    rising = int(share * 50)
    theirs = _of_transformers(make, rising, 50)
    ours = _curve(kind, 50, warm_up=share)
    assert ours[rising:] == pytest.approx(theirs[rising:], abs=1e-12)
    # The rise differs on purpose: theirs wastes the first step at a rate of zero, ours learns from the first step on.
    assert theirs[:rising] == pytest.approx([step / rising for step in range(rising)])
    assert not rising or (theirs[0] == 0.0 and ours[0] > 0.0)


def test_a_cosine_with_a_floor_stays_above_it():
    curve = _curve("cosine", 100, floor=0.2, warm_up=0.0)
    assert min(curve) > 0.2
    assert curve[50] == pytest.approx(0.6)


def test_slanted_triangular_is_the_papers_equation():
    num_steps, cut_share, ratio = 80, 0.1, 32.0
    cut = math.floor(num_steps * cut_share)
    curve = _curve("slanted-triangular", num_steps)
    for step in range(num_steps):
        share = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_share - 1))
        assert curve[step] == pytest.approx((1 + share * (ratio - 1)) / ratio)
