"""With bottleneck adapters every shortcut of the forward pass is still taken, and still exact."""

import pytest
import torch

from afina.inference.forward import Forward
from tests import tiny

CPU = torch.device("cpu")
MODELS = [("bert", "cls"), ("distilbert", "cls"), ("bert", "mean"), ("llama", "last")]


def _tuned(folder, pooling, placement):
    model = tiny.load(folder, pooling)
    tiny.tuned(model, "adapter", placement=placement, reduction_factor=4)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def _gradients(model, outputs):
    model.zero_grad(set_to_none=True)
    outputs.square().sum().backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("placement", ["houlsby", "pfeiffer", "parallel"])
@pytest.mark.parametrize(("family", "pooling"), MODELS)
def test_shortcuts_are_taken_and_exact(tiny_folder, family, pooling, placement):
    reference = _tuned(tiny_folder(family), pooling, placement)
    plain = Forward(tiny.load(tiny_folder(family), pooling), CPU, "float32")
    forward = Forward(_tuned(tiny_folder(family), pooling, placement), CPU, "float32")
    assert (forward.graded is None) is (plain.graded is None)
    assert forward.model.layout == plain.model.layout
    assert forward.notes == plain.notes
    batch = tiny.batch(reference, tiny.rows(6, pooling, windows=2))
    expected = reference(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))
    found = forward(forward.collate(tiny.rows(6, pooling, windows=2), "class"))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    wanted, got = _gradients(reference, expected), _gradients(forward.model, found)
    assert wanted.keys() == got.keys()
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert max(float((wanted[name] - got[name]).abs().max()) for name in wanted) <= 1e-5 * scale
