"""Shapes: N positions, I inputs, O outputs, R rank."""

import pytest
import torch
from torch.nn import functional

from afina.inference.dropout import keep_mask, keep_scale
from afina.inference.frozen_product import LowRank, compute_dtype, product

SHAPES = [(7, 5, 3, 2), (1, 4, 9, 4)]


def _parts(shape, dtype=torch.float64):
    positions, inputs, outputs, rank = shape
    draw = torch.Generator().manual_seed(0)

    def made(*size):
        return torch.randn(*size, generator=draw, dtype=torch.float64).to(dtype)

    values = made(2, positions, inputs).requires_grad_()
    return (
        values,
        made(outputs, inputs),
        made(outputs),
        made(rank, inputs).requires_grad_(),
        made(outputs, rank).requires_grad_(),
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_written_out_formula_and_its_gradient(shape, bias):
    values, weight, shift, lower, upper = _parts(shape)
    shift = shift.requires_grad_() if bias else None
    ours = product(values, weight.to, shift, LowRank(lower, upper, 1.7))
    plain = functional.linear(values, weight, shift) + 1.7 * values @ lower.T @ upper.T
    torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
    asked = [part for part in (values, lower, upper, shift) if part is not None]
    for one, other in zip(
        torch.autograd.grad(ours.square().sum(), asked), torch.autograd.grad(plain.square().sum(), asked), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_gradient_is_that_of_differences(shape):
    values, weight, shift, lower, upper = _parts(shape)
    assert torch.autograd.gradcheck(
        lambda values, lower, upper: product(values, weight.to, shift, LowRank(lower, upper, 0.5)),
        (values, lower, upper),
    )


def test_without_a_low_rank_product_it_is_a_linear_layer():
    values, weight, shift, *_ = _parts(SHAPES[0])
    ours = product(values, weight.to, shift)
    torch.testing.assert_close(ours, functional.linear(values, weight, shift))
    torch.testing.assert_close(
        torch.autograd.grad(ours.sum(), values)[0], torch.ones_like(ours) @ weight, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_draws_what_the_stand_in_would_have_drawn(dtype):
    values, weight, shift, lower, upper = _parts(SHAPES[0], dtype)
    torch.manual_seed(3)
    ours = product(values, weight.to, shift, LowRank(lower, upper, 2.0, 0.4))
    torch.manual_seed(3)
    mask = keep_mask(values.shape, dtype, 0.4) * keep_scale(0.4)
    assert 0 < float((mask == 0).float().mean()) < 1
    asked = (values, lower, upper)
    reference = [part.detach().double().requires_grad_() for part in asked]
    plain = (
        functional.linear(reference[0], weight.double(), shift.double())
        + 2.0 * (reference[0] * mask.double()) @ reference[1].T @ reference[2].T
    )
    bound = 1e-5 if dtype == torch.float32 else 0.05
    torch.testing.assert_close(ours.double(), plain, rtol=bound, atol=bound)
    gradients = torch.autograd.grad(ours.sum(), asked)
    for one, other in zip(gradients, torch.autograd.grad(plain.sum(), reference), strict=True):
        torch.testing.assert_close(one.double(), other, rtol=bound, atol=4 * bound)


def test_nothing_is_kept_that_can_be_had_again():
    values, weight, shift, lower, upper = _parts((64, 32, 48, 2), torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        product(values, weight.to, shift, LowRank(lower, upper, 1.0))
    sizes = sorted(tensor.numel() for tensor in kept)
    assert sizes == sorted([values.numel(), 2 * 64 * 2, lower.numel(), upper.numel()])
    kept.clear()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        product(values, weight.to, shift)
    assert kept == []


def test_a_weight_that_never_moves_gets_no_gradient_and_is_asked_for_once_each_way():
    values, weight, shift, lower, upper = _parts(SHAPES[0])
    asked = []

    def source(dtype):
        asked.append(dtype)
        return weight

    output = product(values, source, shift, LowRank(lower, upper, 1.0))
    assert asked == [torch.float64]
    output.sum().backward()
    assert asked == [torch.float64] * 2
    assert weight.grad is None
    assert shift.grad is None


def test_the_lowest_layer_computes_no_gradient_of_its_input():
    values, weight, shift, lower, upper = _parts(SHAPES[0])
    asked = []
    output = product(values.detach(), lambda dtype: asked.append(dtype) or weight, shift, LowRank(lower, upper, 1.0))
    output.sum().backward()
    assert len(asked) == 1
    assert lower.grad is not None


def test_the_precision_is_that_of_the_context():
    values = torch.zeros(2, 2)
    assert compute_dtype(values) == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert compute_dtype(values) == torch.bfloat16
