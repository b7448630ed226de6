import json
from dataclasses import replace

import pytest

from afina.base.errors import ResourceError
from afina.planning.figures import Disk, Memory, Mend, Steps
from afina.planning.plan import Plan
from afina.planning.span import Span

PARTS = {"weights": 1, "gradients": 2, "state": 3, "kept": 4}


@pytest.fixture
def plan():
    return Plan(
        steps=Steps(45, 15, 32, 8, 1, 300.0, 400.0, 64),
        num_trainable=25,
        num_parameters=100,
        memory=Memory(Span(1e9, 2e9), "step", PARTS, 3 * 10**9, is_measured=True),
        disk=Disk(Span(1e8, 1e8), 10**7, 10**7, 10**9),
        training_s=Span(10, 20),
        total_s=Span(20, 40),
    )


def _with(plan, memory=3 * 10**9, disk=10**9):
    mends = (Mend(("training.micro_batch_size=4",), "slower"), Mend((), "buy more"))
    return replace(
        plan, memory=replace(plan.memory, limit_bytes=memory), disk=replace(plan.disk, free_bytes=disk), mends=mends
    )


def test_a_plan_that_fits_lets_pass(plan):
    plan.require()
    assert (plan.fits, plan.verdict, plan.reasons, plan.trainable_share) == (True, "fits", (), 0.25)


def test_a_tight_plan_passes_with_a_reason(plan):
    tight = _with(plan, memory=15 * 10**8)
    tight.require()
    assert (tight.fits, tight.verdict, len(tight.reasons)) == (True, "tight", 1)


@pytest.mark.parametrize(("room", "code"), [({"memory": 10**8}, "E-PLAN-001"), ({"disk": 10**6}, "E-PLAN-002")])
def test_a_plan_that_cannot_fit_is_refused_with_mends(plan, room, code):
    with pytest.raises(ResourceError) as caught:
        _with(plan, **room).require()
    error = caught.value
    assert (error.code, error.exit_code, error.problem.mend) == (code, 4, "training.micro_batch_size=4: slower")
    assert "buy more" in str(error)
    assert error.problem.where


def test_both_reasons_are_reported_at_once(plan):
    with pytest.raises(ResourceError, match="E-PLAN-001") as caught:
        _with(plan, memory=10**8, disk=10**6).require()
    assert "Disk" in str(caught.value)


def test_to_dict_is_json(plan):
    document = json.loads(json.dumps(_with(plan, memory=10**8).to_dict()))
    assert document["verdict"] == document["memory"]["verdict"] == "no"
    assert document["memory"]["peak"] == {"low": 1e9, "high": 2e9}
    assert document["steps"]["epochs"] == 3
    assert document["mends"][0]["overrides"] == ["training.micro_batch_size=4"]
    assert json.loads(json.dumps(replace(plan, training_s=None, total_s=None).to_dict()))["total_s"] is None
