"""A bottleneck hangs on a projection without changing what the projection is."""

import copy
import pickle

import pytest
import torch
from torch import nn

from afina.tuning._bottleneck import FUNCTIONS, NAME, Bottleneck, put_on, take_off


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)).double()


def _filled(function="relu", scale=2.0, dropout=0.0):
    bottleneck = Bottleneck(4, 3, function, scale, dropout)
    with torch.no_grad():
        for parameter in bottleneck.parameters():
            parameter.normal_()
    return bottleneck


def _by_hand(bottleneck, states):
    middle = getattr(nn.functional, bottleneck.function)(states @ bottleneck.down.weight.T + bottleneck.down.bias)
    return bottleneck.scale * (middle @ bottleneck.up.weight.T + bottleneck.up.bias)


@pytest.mark.parametrize("function", FUNCTIONS.values())
def test_behind_a_projection_it_adds_to_what_that_gives(network, function):
    states = torch.randn(5, 4, dtype=torch.float64)
    plain = network(states)
    bottleneck = _filled(function)
    put_on(network, "2", bottleneck)
    torch.testing.assert_close(network(states), plain + _by_hand(bottleneck, plain))


def test_beside_two_projections_it_reads_what_the_first_reads(network):
    states = torch.randn(5, 4, dtype=torch.float64)
    plain = network(states)
    bottleneck = _filled()
    put_on(network, "2", bottleneck, read="0")
    torch.testing.assert_close(network(states), plain + _by_hand(bottleneck, states))
    assert bottleneck._kept is None


@pytest.mark.parametrize("read", [None, "0"])
def test_fresh_it_adds_nothing_and_taken_off_it_leaves_nothing(network, read):
    states = torch.randn(5, 4, dtype=torch.float64)
    plain, names = network(states), [name for name, _ in network.named_parameters()]
    put_on(network, "2", Bottleneck(4, 3, "gelu", 4.0, 0.5), read=read)
    assert torch.equal(network.train()(states), plain)
    assert network[2].weight.dtype == network[2].bottleneck.up.weight.dtype
    take_off(network.modules())
    assert [name for name, _ in network.named_parameters()] == names
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(network(states), plain)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@pytest.mark.parametrize("read", [None, "0"])
def test_a_copy_has_a_bottleneck_of_its_own(network, again, read):
    states = torch.randn(5, 4, dtype=torch.float64)
    plain = network(states)
    put_on(network, "2", _filled(), read=read)
    other, outputs = again(network), network(states)
    assert torch.equal(other(states), outputs)
    take_off(other.modules())
    assert torch.equal(other(states), plain)
    assert torch.equal(network(states), outputs)
    assert not hasattr(other[2], NAME)


def test_dropout_acts_on_what_is_added_alone(network):
    states = torch.randn(200, 4, dtype=torch.float64)
    plain = network(states)
    put_on(network, "2", _filled(dropout=0.5))
    left_out = (network.train()(states) == plain).double().mean()
    assert 0.4 < float(left_out) < 0.6
