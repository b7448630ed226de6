"""With `cls` pooling our model is transformers' own classifier: equal logits, before and after training and saving."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from afina.inference.forward import Forward
from afina.models import processor as processors
from afina.models import saving, sources
from afina.recipe.schema import Base
from tests import tiny

FAMILIES = ["bert", "roberta", "distilbert", "electra", "albert", "mpnet", "deberta-v2", "modernbert", "megatron-bert"]
CPU = torch.device("cpu")


def _plain(network, batch):
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask.long()}
    if batch.token_type_ids is not None:
        inputs["token_type_ids"] = batch.token_type_ids
    with torch.no_grad():
        return network.eval()(**inputs).logits


@pytest.mark.parametrize(
    ("family", "problem"),
    [*((family, "single") for family in FAMILIES), ("bert", "multi"), ("bert", "regression"), ("roberta", "multi")],
)
def test_logits_are_those_of_transformers_through_training_and_saving(tiny_folder, tmp_path, family, problem):
    folder = tiny_folder(family)
    model = tiny.load(folder, "cls", problem)
    width = len(model.spec.labels)
    plain = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=width)
    plain.load_state_dict(model.network.state_dict())
    rows = tiny.rows(24, "cls", problem)
    batch = tiny.batch(model, rows[:7])
    forward = Forward(model, CPU, "float32")
    with torch.no_grad():
        before = forward(batch)
    torch.testing.assert_close(before, _plain(plain, batch), rtol=0, atol=1e-5)

    tiny.loop(model, rows, precision="float32", num_steps=4, learning_rate=1e-2).fit()
    model.eval()
    with torch.no_grad():
        after = forward(batch)
    assert float((after - before).abs().max()) > 1e-2
    processor = processors.load(sources.locate(Base(name=str(folder))))
    saving.save(model, processor, tmp_path / "model", {})
    loaded, report = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    torch.testing.assert_close(after, _plain(loaded, batch), rtol=0, atol=1e-5)
    assert list(loaded.config.id2label.values()) == list(model.spec.labels)


def test_the_loss_is_that_of_transformers(tiny_folder):
    for problem in ("single", "multi", "regression"):
        model = tiny.load(tiny_folder("bert"), "cls", problem).double().eval()
        batch = tiny.batch(model, tiny.rows(6, "cls", problem))
        targets = batch.targets if problem == "single" else batch.targets.double()
        theirs = model.network(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask.long(),
            token_type_ids=batch.token_type_ids,
            labels=targets,
        ).loss
        objective = tiny.technique("objectives", "supervised")
        ours = objective.step(lambda b, m=model: m(b.input_ids, b.attention_mask, b.token_type_ids), batch, None)
        assert ours.loss_sum.item() / ours.num_targets == pytest.approx(theirs.item(), rel=1e-12)


def test_the_saved_classifier_answers_as_its_card_says(tiny_folder, tmp_path):
    folder = tiny_folder("bert")
    model = tiny.load(folder).eval()
    processor = processors.load(sources.locate(Base(name=str(folder))))
    saving.save(model, processor, tmp_path / "model", {})
    code = saving.usage(model, processor)
    names = {}
    exec(code.replace("FOLDER", repr(str(tmp_path / "model"))).replace('"..."', '"abc def"'), names)
    answer = names["classify"]("abc def")[0]
    encoded = processor.encode([("abc def",)], 48, "truncate")[0]
    ids = torch.from_numpy(np.asarray(encoded.documents[0], dtype=np.int64))[None]
    with torch.no_grad():
        scores = model(ids, torch.ones_like(ids, dtype=torch.bool)).softmax(1)[0]
    assert answer["label"] == model.spec.labels[int(scores.argmax())]
    assert answer["score"] == pytest.approx(scores.max().item(), abs=1e-5)
