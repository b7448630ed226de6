"""Norms and scaling of gradients, and the optimiser's state by parameter name."""

import pytest
import torch

from afina.engine.optimizing import Optimizing, gradient_norm, scale_
from tests import tiny


def test_the_norm_is_over_all_gradients_in_double_precision():
    draw = torch.Generator().manual_seed(0)
    gradients = [torch.randn(shape, generator=draw) for shape in ((3, 4), (5,), (2, 2, 2))]
    expected = torch.cat([gradient.double().flatten() for gradient in gradients]).norm().item()
    assert gradient_norm(gradients) == pytest.approx(expected, rel=1e-7)
    assert gradient_norm([]) == 0.0
    assert gradient_norm([torch.tensor([float("nan")])]) != gradient_norm([torch.tensor([0.0])])


def test_scaling_is_in_place():
    gradients = [torch.ones(2), torch.full((1,), 4.0)]
    scale_(gradients, 0.5)
    assert [gradient.tolist() for gradient in gradients] == [[0.5, 0.5], [2.0]]
    scale_([], 2.0)


def test_state_is_kept_by_name_and_not_by_number(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    _, report = tiny.tuned(model, "full", head_first_epochs=0.0)
    optimizing = Optimizing.over(model, report.groups, tiny.technique("engine.optimizers", "adamw"))
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizing.step(1e-3)
    state = optimizing.state()
    assert {key.rsplit("|", 1)[1] for key in state.tensors} == {"exp_avg", "exp_avg_sq", "step"}
    parameters = dict(model.named_parameters())
    assert all(
        value.shape == parameters[key.rsplit("|", 1)[0]].shape
        for key, value in state.tensors.items()
        if not key.endswith("step")
    )
