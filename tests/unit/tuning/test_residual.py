"""The projections at the ends of a block's two parts are found by running it, on every family alike."""

import pytest
import torch

from afina.base.errors import RecipeError
from afina.tuning._residual import residuals
from tests import tiny

ENDS = {
    "bert": ("attention.output.dense", "intermediate.dense", "output.dense"),
    "distilbert": ("attention.out_lin", "ffn.lin1", "ffn.lin2"),
    "mpnet": ("attention.attn.o", "intermediate.dense", "output.dense"),
    "deberta-v2": ("attention.output.dense", "intermediate.dense", "output.dense"),
    "modernbert": ("attn.Wo", "mlp.Wi", "mlp.Wo"),
    "gpt2": ("attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "llama": ("self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"),
    "vit": ("attention.o_proj", "mlp.fc1", "mlp.fc2"),
}


def _model(family, tiny_folder):
    return tiny.image_model(family) if family in tiny.IMAGE_FAMILIES else tiny.load(tiny_folder(family), "mean")


@pytest.mark.parametrize("family", ENDS)
def test_the_ends_of_both_parts_are_found_in_every_block(tiny_folder, family):
    model = _model(family, tiny_folder)
    found = residuals(model, "tuning")
    assert len(found) == 2
    for residual, path in zip(found, model.blocks.paths, strict=True):
        inside = (residual.attention_output, residual.feed_input, residual.feed_output)
        assert inside == tuple(f"{path.removeprefix('network.')}.{end}" for end in ENDS[family])
        assert residual.width == 16
        assert all(model.network.get_submodule(name) is not None for name in inside)


def test_looking_leaves_no_trace(tiny_folder):
    model = tiny.load(tiny_folder("bert"), dropout=0.5)
    modes = [number % 2 == 0 for number, _ in enumerate(model.modules())]
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    state = torch.get_rng_state()
    before = tiny.weights(model)
    residuals(model, "tuning")
    inside = [module for block in model.block_modules for module in block.modules()]
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in inside)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    model.eval()
    torch.set_rng_state(state)
    residuals(model, "tuning")
    assert torch.equal(torch.get_rng_state(), state)


def test_a_network_without_such_parts_is_refused_with_every_block(tiny_folder):
    with pytest.raises(RecipeError) as error:
        residuals(tiny.image_model("resnet"), "tuning")
    assert error.value.code == "E-TUNING-040"
    assert "0, 1" in str(error.value)
    assert error.value.problem.mend
