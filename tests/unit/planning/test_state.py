import pytest
import torch

from afina.base import registry
from afina.engine.optimizing import Optimizing
from afina.planning.state import state_bytes
from afina.tuning.contract import Group


@pytest.mark.parametrize("tuning", ["full", "head", "bias"])
@pytest.mark.parametrize("kind", registry.names("engine.optimizers"))
def test_state_bytes_is_what_a_real_step_leaves(make_job, kind, tuning):
    job = make_job(tuning, training={"optimizer": kind})
    model, report, make = job.material.forward.model, job.material.report, job.material.optimizer
    predicted = state_bytes(make, report.groups, dict(model.named_parameters()))
    optimizing = Optimizing.over(model, report.groups, make)
    for parameter in optimizing.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizing.step(1e-3)
    counted = sum(tensor.numel() * tensor.element_size() for tensor in optimizing.state().tensors.values())
    assert predicted == counted


def test_adamw_keeps_two_moments_and_a_counter():
    make = registry.build("engine.optimizers", registry.config("engine.optimizers", "adamw")())
    parameters = {"matrix": torch.empty(1000, 70, device="meta"), "bias": torch.empty(70, device="meta")}
    groups = (Group("block 0", ("matrix",)), Group("block 0", ("bias",), decays=False))
    assert state_bytes(make, groups, parameters) == 8 * (1000 * 70 + 70) + 2 * 4


def test_state_bytes_of_nothing_is_nothing():
    make = registry.build("engine.optimizers", registry.config("engine.optimizers", "adamw")())
    assert state_bytes(make, (), {}) == 0
