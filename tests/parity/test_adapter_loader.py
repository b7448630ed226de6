"""The documented lines put saved adapters on a plain transformers model, which then says what ours says."""

import pytest
import torch
from transformers import AutoModel, AutoModelForImageClassification, AutoModelForSequenceClassification

from afina.models import processor as processors
from afina.models import saving, sources
from afina.recipe.schema import Base
from afina.tuning._adapter_format import USAGE
from tests import tiny

TEXTS = ["abc def gh", "zz", "a longer text than the others are, with a comma"]
MODELS = [("bert", "cls"), ("roberta", "cls"), ("distilbert", "mean"), ("modernbert", "mean"), ("llama", "last")]
PLACEMENTS = ("houlsby", "pfeiffer", "parallel")


def _tuned(model, placement, nonlinearity="gelu"):
    tuning, _ = tiny.tuned(model, "adapter", placement=placement, nonlinearity=nonlinearity, reduction_factor=4)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return model.eval(), tuning


@pytest.mark.parametrize("page", ["bottleneck-adapters.md", "bottleneck-adapters.pt-BR.md"])
def test_the_guide_shows_the_lines_that_are_shipped(pytestconfig, page):
    text = (pytestconfig.rootpath / "docs" / "guides" / page).read_text("utf-8")
    assert f"```python\n{USAGE}```" in text


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(("family", "pooling"), MODELS)
def test_a_plain_network_says_the_same(tiny_folder, tmp_path, family, pooling, placement):
    folder = tiny_folder(family)
    model, tuning = _tuned(tiny.load(folder, pooling), placement, "swish" if placement == "houlsby" else "gelu")
    assert tuning.save(model, tmp_path, str(folder))
    own = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3)
    network = own if pooling == "cls" else AutoModel.from_pretrained(folder)
    exec(tuning.usage, {"FOLDER": str(tmp_path), "network": network})
    batch = tiny.batch(model, tiny.rows(5, pooling))
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask.long()}
    with torch.no_grad():
        if pooling == "cls":
            found, expected = network(**inputs).logits, model(batch.input_ids, batch.attention_mask)
        else:
            found, expected = network(**inputs).last_hidden_state, model.network(**inputs).last_hidden_state
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("family", "pooling"), [("bert", "cls"), ("bert", "mean"), ("llama", "last")])
def test_the_lines_of_the_card_run_as_they_stand(tiny_folder, tmp_path, capsys, family, pooling):
    folder = tiny_folder(family)
    model, tuning = _tuned(tiny.load(folder, pooling), "houlsby")
    processor = processors.load(sources.locate(Base(name=str(folder))))
    saving.save(model, processor, tmp_path / "it", {}, lambda place: tuning.save(model, place, str(folder)))
    code = saving.usage(model, processor, tuning.usage, str(folder))
    names = {"FOLDER": str(tmp_path / "it")}
    exec(code, names)
    assert "tensor" in capsys.readouterr().out
    if pooling != "cls":
        exec(code.replace('["..."]', repr(TEXTS)).replace("print(pooled", "scores = (pooled"), names)
        encoded = processor.tokenizer(TEXTS, padding=True, return_tensors="pt")
        types = encoded.get("token_type_ids") if model.layout.takes_token_types else None
        with torch.no_grad():
            expected = model(encoded["input_ids"], encoded["attention_mask"].bool(), types)
        torch.testing.assert_close(names["scores"].detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_vision_transformer_says_the_same(tmp_path, placement):
    model = tiny.image_model("vit")
    model.network.save_pretrained(tmp_path / "base")
    model, tuning = _tuned(model, placement)
    tuning.save(model, tmp_path, "base")
    network = AutoModelForImageClassification.from_pretrained(tmp_path / "base")
    exec(tuning.usage, {"FOLDER": str(tmp_path), "network": network})
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        found, expected = network(pixel_values=images).logits, model.network(pixel_values=images).logits
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
