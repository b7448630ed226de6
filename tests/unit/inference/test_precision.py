"""Precision follows the hardware, and frozen weights come back bit for bit."""

import pytest
import torch
from torch import nn

from afina.inference import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("asked", "native", "expected"),
    [
        ("auto", True, "bfloat16"),
        ("auto", False, "float32"),
        ("float32", True, "float32"),
        ("bfloat16", False, "bfloat16"),
        ("float64", True, "float64"),
    ],
)
def test_what_is_asked_is_done_and_auto_follows_the_processor(asked, native, expected):
    chosen, why = precision.choose(asked, CPU, native)
    assert chosen == expected
    assert bool(why) == (asked == "auto")


def _layers():
    layers = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    layers[0].requires_grad_(False)
    return layers


def test_frozen_matrices_are_held_in_bfloat16_and_come_back(monkeypatch):
    layers = _layers()
    before = {name: weight.clone() for name, weight in layers.state_dict().items()}
    with precision.frozen_in("bfloat16", layers):
        assert layers[0].weight.dtype == layers[0].bias.dtype == torch.bfloat16
        assert layers[1].weight.dtype == layers[2].weight.dtype == torch.float32
        with precision.frozen_in("bfloat16", layers):
            assert layers[0].weight.dtype == torch.bfloat16
        assert layers[0].weight.dtype == torch.bfloat16
    assert all(torch.equal(before[name], weight) for name, weight in layers.state_dict().items())
    with pytest.raises(KeyError), precision.frozen_in("bfloat16", layers):
        raise KeyError
    assert layers[0].weight.dtype == torch.float32


@pytest.mark.parametrize("chosen", ["float32", "float64"])
def test_other_precisions_hold_nothing(chosen):
    layers = _layers()
    with precision.frozen_in(chosen, layers):
        assert {parameter.dtype for parameter in layers.parameters()} == {torch.float32}


def test_matrices_run_in_bfloat16_under_it_and_in_their_own_otherwise():
    layers, inputs = _layers(), torch.ones(1, 4)
    with precision.autocast("bfloat16", CPU):
        assert layers(inputs).dtype == torch.bfloat16
    with precision.autocast("float32", CPU):
        assert layers(inputs).dtype == torch.float32
