"""The probe is the smallest input that a network runs on, whatever it reads."""

import pytest
import torch

from afina.models.probing import probe_inputs
from tests import tiny


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama"])
def test_a_text_is_two_tokens_of_which_none_is_padding(tiny_folder, family):
    model = tiny.load(tiny_folder(family), "mean")
    inputs = probe_inputs(model.network)
    assert inputs["input_ids"].shape == (1, 2)
    assert model.layout.pad_token_id not in inputs["input_ids"]
    assert len(set(inputs["input_ids"][0].tolist())) == 2
    assert model.network.eval()(**model.probe).last_hidden_state.shape == (1, 2, 16)


@pytest.mark.parametrize(("family", "side"), [("vit", 16), ("resnet", 64)])
def test_an_image_is_as_large_as_the_network_wants(family, side):
    model = tiny.image_model(family)
    assert model.probe["pixel_values"].shape == (1, 3, side, side)
    with torch.no_grad():
        assert model.network.eval()(**model.probe).logits.shape == (1, 3)


@pytest.mark.parametrize("size", [[8, 12], (8, 12)])
def test_an_image_need_not_be_square(size):
    model = tiny.image_model("resnet")
    model.network.config.image_size = size
    assert model.probe["pixel_values"].shape == (1, 3, 8, 12)
