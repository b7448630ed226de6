"""Four-bit weights are unpacked to what bitsandbytes itself unpacks."""

import pytest
import torch

from afina.inference.quantised import is_quantised, unpacked
from tests import tiny


@pytest.fixture
def layer(tiny_folder):
    requires = {"quantisation": "nf4", "double": True}
    model = tiny.load(tiny_folder("bert"), requires=requires)
    return next(module for module in model.modules() if is_quantised(module))


def test_a_layer_of_the_base_as_it_came_is_not_quantised(tiny_folder):
    assert not any(is_quantised(module) for module in tiny.load(tiny_folder("bert")).modules())


def test_unpacked_is_what_bitsandbytes_unpacks_rounded_once(layer):
    functional = pytest.importorskip("bitsandbytes").functional
    theirs = functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(torch.float32)
    whole = unpacked(layer, torch.float32)
    assert whole.shape == (layer.out_features, layer.in_features)
    torch.testing.assert_close(whole, theirs, rtol=0, atol=0)
    assert torch.equal(unpacked(layer, torch.bfloat16), whole.to(torch.bfloat16))
    assert torch.equal(unpacked(layer, torch.float64), whole.double())
