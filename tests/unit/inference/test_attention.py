"""The written-out attention: its gradient, its dropout, and its agreement with torch's own kernel."""

import pytest
import torch
from torch.nn import functional

from afina.inference import attention


def _tensors(queries=3, keys=5, dtype=torch.float64, seed=0):
    draw = torch.Generator().manual_seed(seed)
    shapes = ((2, 2, queries, 4), (2, 2, keys, 4), (2, 2, keys, 4))
    tensors = [torch.randn(shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes]
    visible = torch.ones(2, 1, 1, keys, dtype=torch.bool)
    visible[1, ..., 3:] = False
    return tensors, visible


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_it_is_torchs_attention(queries, masked, scaling):
    tensors, visible = _tensors(queries)
    mask = visible if masked else None
    ours, _ = attention.attend(torch.nn.Module(), *tensors, mask, scaling=scaling)
    theirs = functional.scaled_dot_product_attention(*tensors, attn_mask=mask, scale=scaling).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    mine = torch.autograd.grad(ours.square().sum(), tensors)
    reference = torch.autograd.grad(theirs.square().sum(), tensors)
    for one, other in zip(mine, reference, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_its_gradient_is_that_of_finite_differences(dropout):
    tensors, visible = _tensors()

    def attend(*inputs):
        torch.manual_seed(3)  # The same activations are dropped each time.
        return attention.attend(torch.nn.Module(), *inputs, visible, dropout=dropout)[0]

    assert torch.autograd.gradcheck(attend, tensors)


def test_dropout_keeps_the_expectation():
    torch.manual_seed(0)
    tensors, visible = _tensors(dtype=torch.float32)
    with torch.no_grad():
        plain = attention.attend(torch.nn.Module(), *tensors, visible)[0]
        draws = [attention.attend(torch.nn.Module(), *tensors, visible, dropout=0.3)[0] for _ in range(4000)]
    assert not torch.equal(draws[0], draws[1])
    torch.testing.assert_close(torch.stack(draws).mean(0), plain, rtol=0, atol=0.06)


def test_keys_folded_by_the_wrong_length_are_folded_anew():
    (query, key, value), visible = _tensors(queries=1)
    wrong = [tensor.transpose(1, 2).reshape(2, 1, 10, 4).transpose(1, 2) for tensor in (key, value)]
    assert wrong[0].shape[1] != query.shape[1]
    expected = attention.attend(torch.nn.Module(), query, key, value, visible)[0]
    assert torch.equal(attention.attend(torch.nn.Module(), query, *wrong, visible)[0], expected)


@pytest.mark.parametrize("keyword", ["sliding_window", "softcap", "position_bias"])
def test_what_it_does_not_know_is_refused(keyword):
    tensors, visible = _tensors()
    with pytest.raises(NotImplementedError, match=keyword):
        attention.attend(torch.nn.Module(), *tensors, visible, **{keyword: 3})
    attention.attend(torch.nn.Module(), *tensors, visible, **{keyword: None, "use_cache": False})


def test_a_causal_module_is_refused():
    tensors, visible = _tensors()
    module = torch.nn.Module()
    module.is_causal = True
    with pytest.raises(NotImplementedError, match="is_causal"):
        attention.attend(module, *tensors, visible)


def test_agreement_is_measured_and_nothing_infinite_agrees():
    one = torch.tensor([1.0, 200.0])
    assert attention.is_exact(one, one + 1e-4, 1e-6)
    assert not attention.is_exact(one, one + 1e-3, 1e-6)
    assert not attention.is_exact(one, torch.tensor([1.0, float("nan")]), 1e-6)
    assert not attention.is_exact(one, torch.tensor([1.0, float("inf")]), 1e-6)
