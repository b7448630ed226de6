"""Virtual tokens: what they begin from, whom they fit, what is refused."""

import json

import pytest
import torch

from afina.base.errors import RecipeError, SourceError
from afina.tuning.head import HEAD_LEARNING_RATE
from tests import tiny


def _values(model):
    return model.network.base_model.virtual_tokens().detach()


def _words(model):
    return model.network.base_model.get_input_embeddings().weight


def test_they_begin_as_tokens_of_the_vocabulary(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    tiny.tuned(model, "prompt", num_virtual_tokens=5)
    rows = _words(model).detach().tolist()
    assert all(value in rows for value in _values(model).tolist())
    assert len({tuple(value) for value in _values(model).tolist()}) > 1


def test_they_begin_as_a_text_repeated_to_their_number(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    tiny.tuned(model, "prompt", num_virtual_tokens=7, initialisation="text", text="ab c")
    # [CLS] a ##b c [SEP], and the first two again.
    ids = [1, 5, 32, 7, 2, 1, 5]
    torch.testing.assert_close(_values(model), _words(model)[ids].detach())


def test_they_begin_as_numbers_of_the_run_s_seed(tiny_folder):
    drawn = []
    for seed in (0, 0, 1):
        model = tiny.load(tiny_folder("bert"), seed=seed)
        tiny.tuned(model, "prompt", initialisation="random")
        drawn.append(_values(model))
    assert drawn[0].shape == (20, 16)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("options", [{"text": "a"}, {"initialisation": "text"}, {"num_virtual_tokens": 0}])
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValueError, match="text|num_virtual_tokens"):
        tiny.technique("tuning", "prompt", **options)


def test_the_width_of_the_embeddings_counts_where_it_is_not_the_block_s(tiny_folder):
    model = tiny.load(tiny_folder("albert"), "mean")
    tiny.tuned(model, "prompt", num_virtual_tokens=3)
    assert _values(model).shape == (3, 8)
    assert torch.isfinite(tiny.outputs(model.eval())).all()


@pytest.mark.parametrize("kind", ["prompt", "prefix", "p-tuning"])
def test_the_text_has_less_room_until_they_are_taken_away(tiny_folder, kind):
    model = tiny.load(tiny_folder("bert"))
    room = model.layout.max_tokens
    tuning, report = tiny.tuned(model, kind, num_virtual_tokens=6)
    assert model.layout.max_tokens == room - 6
    assert report.virtual_tokens == tuning.virtual_tokens == 6
    tuning.unload(model)
    assert model.layout.max_tokens == room


@pytest.mark.parametrize("kind", ["prompt", "prefix", "p-tuning"])
def test_the_head_keeps_its_own_pace(tiny_folder, kind):
    model = tiny.load(tiny_folder("bert"))
    _, report = tiny.tuned(model, kind)
    rates = {group.name: report.learning_rate * group.learning_rate_scale for group in report.groups}
    assert rates["head"] == pytest.approx(HEAD_LEARNING_RATE)
    assert rates["embeddings"] == pytest.approx(report.learning_rate)
    assert report.frozen_blocks == 0


@pytest.mark.parametrize("family", ["distilbert", "deberta-v2", "mpnet", "modernbert", "albert"])
def test_a_prefix_is_refused_where_it_would_not_be_heeded(tiny_folder, family):
    model = tiny.load(tiny_folder(family), "mean").eval()
    plain, names = tiny.outputs(model), [name for name, _ in model.named_modules()]
    with pytest.raises(RecipeError) as error:
        tiny.tuned(model, "prefix")
    assert error.value.code == "E-TUNING-046"
    assert error.value.problem.mend == "tuning: prompt"
    assert torch.equal(tiny.outputs(model), plain)
    assert [name for name, _ in model.named_modules()] == names


@pytest.mark.parametrize("kind", ["prompt", "prefix", "p-tuning"])
def test_images_are_not_supported_and_merging_is_refused(tiny_folder, kind):
    model = tiny.load(tiny_folder("bert"))
    tuning, _ = tiny.tuned(model, kind)
    assert tuning.supports == {"encoder", "decoder"}
    assert not tuning.begins_as_base
    assert not tuning.interpolates
    with pytest.raises(RecipeError, match="in front of the text"):
        tuning.merge(model)


def test_a_prefix_remembers_no_text(tiny_folder):
    model = tiny.load(tiny_folder("llama"), "last").eval()
    tiny.tuned(model, "prefix", num_virtual_tokens=3)
    seen = {}
    model.encoder.layers[0].register_forward_pre_hook(
        lambda _, args, kwargs: seen.update(past=kwargs["past_key_values"]), with_kwargs=True
    )
    one, other = tiny.outputs(model), tiny.outputs(model)
    assert torch.equal(one, other)
    assert seen["past"].get_seq_length() == 3


def test_what_peft_saved_loads_and_another_number_is_refused(tiny_folder, tmp_path):
    model = tiny.load(tiny_folder("bert"))
    tuning, _ = tiny.tuned(model, "p-tuning", num_virtual_tokens=4)
    tuning.save(model, tmp_path, "a/base")
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert (config["peft_type"], config["task_type"], config["modules_to_save"]) == (
        "P_TUNING",
        "SEQ_CLS",
        ["classifier"],
    )
    fresh = tiny.load(tiny_folder("bert"))
    with pytest.raises(SourceError, match="prompt_embeddings"):
        tiny.technique("tuning", "p-tuning", num_virtual_tokens=5).restore(fresh, tmp_path)
    again = tiny.technique("tuning", "p-tuning", num_virtual_tokens=4)
    again.restore(fresh, tmp_path)
    assert torch.equal(tiny.outputs(fresh.eval()), tiny.outputs(model.eval()))
    assert set(again.state(fresh)) == {"network.bert.virtual_tokens.encoder.weight", *fresh.blocks.head}
