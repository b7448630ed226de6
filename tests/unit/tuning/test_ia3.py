"""IA3 finds keys, values and the second layer of feed-forward parts by what they are."""

import pytest

from afina.base.errors import RecipeError
from tests import tiny

EXPECTED = {
    ("bert", "cls"): ({"key", "value"}, {"output.dense"}),
    ("distilbert", "cls"): ({"k_lin", "v_lin"}, {"lin2"}),
    ("deberta-v2", "cls"): ({"key_proj", "value_proj"}, {"output.dense"}),
    ("gpt2", "last"): ({"c_attn"}, {"mlp.c_proj"}),
    ("llama", "last"): ({"k_proj", "v_proj"}, {"down_proj"}),
    ("qwen2", "last"): ({"k_proj", "v_proj"}, {"down_proj"}),
}


def _config(tuning):
    return tuning.tuner.peft_config["default"]


@pytest.mark.parametrize(("family", "pooling"), EXPECTED)
def test_layers_are_found_by_structure(tiny_folder, family, pooling):
    tuning, _ = tiny.tuned(tiny.load(tiny_folder(family), pooling), "ia3")
    outputs, fed = EXPECTED[family, pooling]
    config = _config(tuning)
    plain = set(config.target_modules) - set(config.feedforward_modules)
    assert {path.rpartition(".")[2] for path in plain} == outputs
    assert len(config.feedforward_modules) == 2
    assert all(path.endswith(tuple(fed)) and "attention" not in path for path in config.feedforward_modules)


def test_a_vision_transformer_and_a_cnn_have_theirs():
    tuning, _ = tiny.tuned(tiny.image_model("vit"), "ia3")
    assert len(_config(tuning).target_modules) == 2 * 3
    assert len(_config(tuning).feedforward_modules) == 2
    tuning, _ = tiny.tuned(tiny.image_model("resnet"), "ia3")
    assert len(_config(tuning).target_modules) == 5
    assert not _config(tuning).feedforward_modules


def test_names_and_frozen_blocks_are_followed(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    tuning, report = tiny.tuned(model, "ia3", target_modules=["query"], feedforward_modules=[], freeze_blocks=1)
    assert set(_config(tuning).target_modules) == {"bert.encoder.layer.1.attention.self.query"}
    assert report.frozen_blocks == 1
    assert not any(group.decays for group in report.groups if any("ia3_l" in name for name in group.names))


def test_where_keys_cannot_be_told_apart_they_must_be_named(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    for block in model.block_modules:
        attention = block.attention.self
        for old, new in (("key", "left"), ("value", "right")):
            attention.add_module(new, attention._modules.pop(old))
    model.blocks = type(model.blocks)(
        embeddings=model.blocks.embeddings,
        blocks=tuple(
            tuple(name.replace(".key.", ".left.").replace(".value.", ".right.") for name in names)
            for names in model.blocks.blocks
        ),
        paths=model.blocks.paths,
        top=model.blocks.top,
        head=model.blocks.head,
    )
    with pytest.raises(RecipeError) as error:
        tiny.tuned(model, "ia3")
    assert error.value.code == "E-TUNING-031"
    assert "target_modules" in error.value.problem.mend
    assert tiny.tuned(model, "ia3", target_modules=["left", "right"])[1].num_trainable > 0
