"""Dropout cut from raw bits: the right share, the right expectation, and the run's own random state."""

import pytest
import torch
from torch import nn

from afina.inference import dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_the_asked_share_is_dropped(probability, dtype):
    torch.manual_seed(0)
    mask = dropout.keep_mask(torch.Size((500, 403)), dtype, probability)
    assert mask.dtype == dtype
    assert set(mask.double().unique().tolist()) == {0.0, 1.0}
    assert 1 - mask.double().mean().item() == pytest.approx(probability, abs=0.005)
    kept = 1 - round(probability * 65536) / 65536
    assert dropout.keep_scale(probability) * kept == pytest.approx(1.0, rel=1e-12)


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    mask = dropout.keep_mask(torch.Size((400_000,)), torch.float64, 0.3) - 0.7
    for lag in (1, 2, 3, 4, 5):
        assert (mask[lag:] * mask[:-lag]).mean().abs().item() < 0.002


def test_the_random_state_decides_what_is_dropped():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = dropout.keep_mask(torch.Size((64,)), torch.float32, 0.5)
    other = dropout.keep_mask(torch.Size((64,)), torch.float32, 0.5)
    torch.set_rng_state(state)
    assert torch.equal(one, dropout.keep_mask(torch.Size((64,)), torch.float32, 0.5))
    assert not torch.equal(one, other)


def test_a_layer_acts_in_training_alone():
    layer, values = dropout.RawDropout(0.5), torch.ones(1000)
    assert torch.equal(layer.eval()(values), values)
    torch.manual_seed(0)
    dropped = layer.train()(values)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(dropout.RawDropout(0.0).train()(values), values)


def test_every_dropout_of_a_model_is_replaced_with_its_probability_and_mode():
    inner = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.25)).eval()
    model = nn.Sequential(nn.Dropout(0.1), inner, nn.Dropout(0.95), nn.AlphaDropout(0.1))
    names = set(model.state_dict())
    dropout.put_in(model)
    assert [type(module) for module in model] == [dropout.RawDropout, nn.Sequential, nn.Dropout, nn.AlphaDropout]
    assert (model[0].p, model[0].training) == (0.1, True)
    assert (model[1][1].p, model[1][1].training) == (0.25, False)
    assert set(model.state_dict()) == names
