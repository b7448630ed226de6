"""Blocks are found by structure, on families that arrange them in many ways."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from afina.base.errors import SourceError
from afina.models import blocks
from tests import tiny

SHARED_BLOCK = {"albert"}


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_every_parameter_has_one_depth(tiny_folder, family, pooling):
    model = tiny.load(tiny_folder(family), pooling)
    named = [name for names in model.blocks.units.values() for name in names]
    assert sorted(named) == sorted(name for name, _ in model.named_parameters())
    assert len(model.blocks.blocks) == (1 if family in SHARED_BLOCK else 2)
    assert all(model.blocks.blocks)
    assert model.blocks.embeddings
    assert model.blocks.head
    assert any("word_embeddings" in name or "tok_embeddings" in name for name in model.blocks.embeddings)
    assert all(module.training is False for module in model.block_modules)


@pytest.mark.parametrize("family", sorted(set(tiny.FAMILIES) - SHARED_BLOCK))
def test_nothing_that_feeds_a_lower_block_stands_above_it(tiny_folder, family):
    # Gradients of the first block's output reach the embeddings and itself; those of the last, all but the top.
    model = tiny.load(tiny_folder(family), "mean")
    outputs = []
    for block in model.block_modules:
        block.register_forward_hook(
            lambda _, __, output: outputs.append(output[0] if isinstance(output, tuple) else output)
        )
    batch = tiny.batch(model, tiny.rows(2, "mean"))
    model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    parameters = dict(model.named_parameters())
    gradients = torch.autograd.grad(outputs[0].sum(), list(parameters.values()), allow_unused=True, retain_graph=True)
    reached = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None}
    assert reached <= {*model.blocks.embeddings, *model.blocks.blocks[0]}
    assert set(model.blocks.blocks[0]) <= reached
    gradients = torch.autograd.grad(outputs[1].sum(), list(parameters.values()), allow_unused=True)
    reached = {name for name, gradient in zip(parameters, gradients, strict=True) if gradient is not None}
    assert not reached & {*model.blocks.top, *model.blocks.head}


@pytest.mark.parametrize(
    ("family", "name", "unit"),
    [
        ("mpnet", "relative_attention_bias", "embeddings"),
        ("deberta-v2", "rel_embeddings", "embeddings"),
        ("modernbert", "final_norm", "top"),
        ("megatron-bert", "encoder.ln", "top"),
        ("bert", "pooler", "top"),
        ("roberta", "classifier.dense", "head"),
        ("distilbert", "pre_classifier", "head"),
    ],
)
def test_what_lies_outside_the_blocks_is_told_by_what_it_feeds(tiny_folder, family, name, unit):
    units = tiny.load(tiny_folder(family)).blocks.units
    assert [unit for unit, names in units.items() if any(name in parameter for parameter in names)] == [unit]


@pytest.mark.parametrize(("family", "below", "above"), [("gpt2", "wte", "ln_f"), ("llama", "embed_tokens", "norm")])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_decoders_have_blocks_too(tiny_folder, family, below, above, pooling):
    model = tiny.load(tiny_folder(family), pooling)
    named = [name for names in model.blocks.units.values() for name in names]
    assert sorted(named) == sorted(name for name, _ in model.named_parameters())
    assert model.family == "decoder"
    assert len(model.blocks.blocks) == 2
    assert any(below in name for name in model.blocks.embeddings)
    assert all(above in name for name in model.blocks.top)


@pytest.mark.parametrize(
    ("family", "kind", "below"), [("vit", "vision-transformer", "patch_embeddings"), ("resnet", "cnn", "embedder")]
)
def test_networks_that_read_images_have_blocks_too(family, kind, below):
    model = tiny.image_model(family)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    named = [name for names in model.blocks.units.values() for name in names]
    assert sorted(named) == sorted(name for name, _ in model.named_parameters())
    assert model.family == kind
    assert len(model.blocks.blocks) == 2
    assert any(below in name for name in model.blocks.embeddings)
    assert set(model.blocks.head) == {name for name in named if "classifier" in name}
    assert all(torch.equal(buffers[name], buffer) for name, buffer in model.named_buffers())


def test_a_decoder_s_dropout_below_frozen_blocks_is_off(tiny_folder):
    model = tiny.load(tiny_folder("gpt2"), "last", dropout=0.5)
    tiny.tuned(model, "last-blocks", num_blocks=1)
    assert not model.train().encoder.drop.training
    tiny.tuned(model, "full", head_first_epochs=0.0)
    assert model.train().encoder.drop.training


def test_batch_statistics_never_move_while_tuning():
    model = tiny.image_model("resnet")
    tiny.tuned(model, "full", head_first_epochs=0.0)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    tiny.outputs(model.train())
    assert all(torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    assert any(module.training for module in model.block_modules)


def test_finding_blocks_draws_no_random_number_and_leaves_no_gradient():
    config = AutoConfig.for_model("bert", **tiny.FAMILIES["bert"])
    network = AutoModelForSequenceClassification.from_config(config).eval()
    state = torch.get_rng_state()
    blocks.discover(network, "bert", has_own_head=True)
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


class _Flat(nn.Module):
    """No list of blocks anywhere."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(4, 4)
        self.mixer = nn.Linear(4, 4)


def test_a_model_without_blocks_is_refused_with_what_was_seen():
    with pytest.raises(SourceError) as error:
        blocks.discover(_Flat(), "", has_own_head=False)
    assert error.value.code == "E-MODEL-006"
    assert "table (Embedding)" in str(error.value)
    assert "mixer (Linear)" in str(error.value)


def test_a_model_that_token_ids_do_not_run_is_refused():
    config = AutoConfig.for_model(
        "t5", vocab_size=16, d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    with pytest.raises(SourceError) as error:
        blocks.discover(AutoModel.from_config(config).eval(), "", has_own_head=False)
    assert error.value.code == "E-MODEL-010"
