"""With mean pooling the ten documented lines read the saved folder, and say what our model says."""

import json

import pytest
import torch
from transformers import AutoModel

from afina.models import loading, saving, sources
from afina.models import processor as processors
from afina.recipe.schema import Base
from tests import tiny

TEXTS = ["abc def gh", "zz", "a longer text than the others are, with a comma"]


@pytest.fixture(params=["bert", "roberta", "distilbert", "albert", "layoutlm"])
def saved(request, tiny_folder, tmp_path):
    folder = tiny_folder(request.param)
    model = tiny.load(folder, "mean")
    tiny.loop(model, tiny.rows(16, "mean"), precision="float32", num_steps=3, learning_rate=1e-2).fit()
    processor = processors.load(sources.locate(Base(name=str(folder))))
    saving.save(model.eval(), processor, tmp_path / "model", {"task": "text-classification"})
    return model, processor, tmp_path / "model"


def _outputs(model, processor):
    encoded = processor.tokenizer(TEXTS, padding=True, return_tensors="pt")
    types = encoded.get("token_type_ids") if model.layout.takes_token_types else None
    with torch.no_grad():
        return model(encoded["input_ids"], encoded["attention_mask"].bool(), types)


def test_the_documented_lines_give_the_same_outputs(saved, capsys):
    model, processor, folder = saved
    code = saving.usage(model, processor)
    assert code.count("\n") <= 12
    assert str(processor.max_tokens) in code
    names = {"FOLDER": str(folder)}
    exec(code.replace('["..."]', repr(TEXTS)).replace("print(pooled", "scores = (pooled"), names)
    torch.testing.assert_close(names["scores"].detach(), _outputs(model, processor), rtol=0, atol=1e-5)
    assert list(names["network"].config.id2label.values()) == list(model.spec.labels)


def test_the_documented_lines_run_as_they_stand(saved, capsys):
    model, processor, folder = saved
    exec(saving.usage(model, processor), {"FOLDER": str(folder)})
    assert "tensor" in capsys.readouterr().out


def test_the_saved_folder_is_a_whole_encoder_that_names_its_pooling(saved):
    model, _, folder = saved
    _, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))["pooling_mode_mean_tokens"] is True
    assert sources.locate(Base(name=str(folder))).pooling == "mean"
    assert set(model.set_aside) <= {"pooler"}


def test_reloading_gives_the_same_outputs_bit_for_bit(saved):
    model, processor, folder = saved
    again = loading.load(sources.locate(Base(name=str(folder))), model.spec, processor, seed=0).eval()
    loading.load_head(again, folder)
    assert not again.training
    theirs = dict(again.named_parameters())
    assert all(torch.equal(weight, theirs[name]) for name, weight in model.named_parameters())
    torch.testing.assert_close(_outputs(again, processor), _outputs(model, processor), rtol=0, atol=1e-6)


def test_saving_leaves_the_model_as_it_was(saved):
    model, processor, _ = saved
    assert isinstance(getattr(model.network, "pooler", None), (torch.nn.Identity, type(None)))
    assert not any("pooler" in name for name, _ in model.named_parameters())
    assert _outputs(model, processor).shape == (3, 3)
