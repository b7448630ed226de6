"""Virtual tokens against plain `peft`: what is saved loads there and says the same, and so do the documented lines."""

import warnings

import pytest
import torch
from torch.nn import functional
from transformers import AutoModel, AutoModelForSequenceClassification

from afina.inference.checkpointing import recomputed
from afina.inference.forward import Forward
from afina.models import processor as processors
from afina.models import saving, sources
from afina.recipe.schema import Base
from tests import tiny

CPU = torch.device("cpu")
TEXTS = ["abc def gh", "zz", "a longer text than the others are, with a comma"]
NUM_VIRTUAL = 4
KINDS = {
    "prompt": {},
    "p-tuning": {"encoder_width": 8},
    "p-tuning lstm": {"encoder": "lstm", "encoder_width": 6},
    "prefix": {},
    "prefix mlp": {"projection": "mlp", "encoder_width": 6},
}
MODELS = [
    *((name, "bert", "cls") for name in KINDS),
    *((name, family, "cls") for name in ("prompt", "prefix") for family in ("roberta", "electra")),
    *((name, family, "mean") for name in ("prompt", "prefix") for family in ("bert", "gpt2")),
    *((name, "llama", "last") for name in ("prompt", "prefix", "prefix mlp")),
    *(("prompt", family, "cls") for family in ("distilbert", "deberta-v2")),
    ("prompt", "modernbert", "mean"),
    ("prefix", "qwen2", "last"),
]
every_model = pytest.mark.parametrize(("name", "family", "pooling"), MODELS)


def _tuned(folder, name, pooling):
    model = tiny.load(folder, pooling)
    options = {"num_virtual_tokens": NUM_VIRTUAL, **KINDS[name]}
    tuning, report = tiny.tuned(model, name.split()[0], **options)
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))
    assert report.virtual_tokens == NUM_VIRTUAL
    assert not report.takes_segments
    return model.eval(), tuning


def _plain_peft(folder, saved, pooling):
    """Load with nothing but transformers and peft."""
    with warnings.catch_warnings():
        # PEFT asks transformers whether it checkpoints, by a name that is on its way out.
        warnings.simplefilter("ignore", FutureWarning)
        import peft

        kind = AutoModelForSequenceClassification if pooling == "cls" else AutoModel
        more = {"num_labels": 3} if pooling == "cls" else {}
        return peft.PeftModel.from_pretrained(kind.from_pretrained(folder, **more), saved).eval()


def _encoded(folder):
    processor = processors.load(sources.locate(Base(name=str(folder))))
    return processor, processor.tokenizer(TEXTS, padding=True, return_tensors="pt")


@every_model
def test_plain_peft_says_the_same(tiny_folder, tmp_path, name, family, pooling):
    folder = tiny_folder(family)
    model, tuning = _tuned(folder, name, pooling)
    assert tuning.save(model, tmp_path, str(folder))
    theirs = _plain_peft(folder, tmp_path, pooling)
    _, encoded = _encoded(folder)
    ids, mask = encoded["input_ids"], encoded["attention_mask"]
    with torch.no_grad():
        expected = model(ids, mask.bool())
        if pooling == "cls":
            found = theirs(input_ids=ids, attention_mask=mask).logits
        else:
            states = theirs(input_ids=ids, attention_mask=mask).last_hidden_state[:, -ids.shape[1] :]
            last = states[range(len(ids)), mask.sum(1) - 1]
            mean = (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            found = model.head(last if pooling == "last" else mean)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


# A tokenizer of GPT-2's own makes no token types, which GPT-2 would take for words.
@pytest.mark.parametrize(("name", "family", "pooling"), [model for model in MODELS if model[1] != "gpt2"])
def test_the_documented_lines_say_the_same(tiny_folder, tmp_path, capsys, name, family, pooling):
    folder = tiny_folder(family)
    model, tuning = _tuned(folder, name, pooling)
    processor, encoded = _encoded(folder)
    saving.save(model, processor, tmp_path / "it", {}, lambda place: tuning.save(model, place, str(folder)))
    code = saving.usage(model, processor, tuning.usage, str(folder))
    types = encoded.get("token_type_ids") if model.layout.takes_token_types else None
    with torch.no_grad():
        expected = model(encoded["input_ids"], encoded["attention_mask"].bool(), types)
    names = {"FOLDER": str(tmp_path / "it")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        if pooling == "cls":
            given = f'tokenizer({TEXTS!r}, padding=True, return_tensors="pt")'
            code = code.replace('tokenizer("...", return_tensors="pt")', given).replace(".argmax(1))", ".sum(1))")
            exec(code.replace("print(network", "scores = (network").replace(".logits.sum(1))", ".logits)"), names)
        else:
            exec(code.replace('["..."]', repr(TEXTS)).replace("print(pooled", "scores = (pooled"), names)
    torch.testing.assert_close(names["scores"].detach(), expected, rtol=0, atol=1e-5)
    assert str(processor.max_tokens - NUM_VIRTUAL) in code or pooling == "cls"


@every_model
def test_shortcuts_stay_exact_or_fall_back(tiny_folder, name, family, pooling):
    folder = tiny_folder(family)
    reference, _ = _tuned(folder, name, pooling)
    torch.manual_seed(0)
    forward = Forward(_tuned(folder, name, pooling)[0], CPU, "float32")
    # Asked by itself, the self-test refuses to let several texts share a sequence.
    assert not forward.model.layout.takes_segments
    forward.model.load_state_dict(reference.state_dict())
    batch = tiny.batch(forward.model, tiny.rows(6, pooling, windows=2))
    expected = reference(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))
    found = forward(batch)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    wanted, got = _gradients(reference, expected), _gradients(forward.model, found)
    assert wanted.keys() == got.keys()
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert max(float((wanted[key] - got[key]).abs().max()) for key in wanted) <= 1e-5 * scale
    features = reference.features(batch)
    assert features.shape == (len(batch), 16)
    torch.testing.assert_close(forward.model.features(batch), features, rtol=1e-5, atol=1e-5)


def _gradients(model, outputs):
    model.zero_grad(set_to_none=True)
    outputs.square().sum().backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_the_last_block_of_a_prompted_encoder_is_cut_down_and_of_a_prefixed_one_is_not(tiny_folder):
    prompted = Forward(_tuned(tiny_folder("bert"), "prompt", "cls")[0], CPU, "float32")
    prefixed = Forward(_tuned(tiny_folder("bert"), "prefix", "cls")[0], CPU, "float32")
    assert prompted.graded is not None
    assert prefixed.graded is None
    assert len(prefixed.notes) == 1


@pytest.mark.parametrize(("name", "family"), [("prompt", "bert"), ("prefix", "bert"), ("prefix", "llama")])
def test_blocks_that_are_computed_again_find_the_same_virtual_tokens(tiny_folder, name, family):
    model, _ = _tuned(tiny_folder(family), name, "mean")
    batch = tiny.batch(model, tiny.rows(6, "mean"))
    expected = model(batch.input_ids, batch.attention_mask)
    wanted = _gradients(model, expected)
    with recomputed(model, "on"):
        found = model(batch.input_ids, batch.attention_mask)
        got = _gradients(model, found)
    assert torch.equal(found, expected)
    assert all(torch.equal(wanted[key], got[key]) for key in wanted)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_head_reads_the_text_alone(tiny_folder, pooling):
    model, _ = _tuned(tiny_folder("llama"), "prompt", pooling)
    batch = tiny.batch(model, tiny.rows(4, pooling))
    states = model.encoder(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    assert states.shape[1] == NUM_VIRTUAL + batch.input_ids.shape[1]
    text, lengths = states[:, NUM_VIRTUAL:], batch.attention_mask.sum(1)
    rows = [row[: int(length)] for row, length in zip(text, lengths, strict=True)]
    expected = torch.stack([row.mean(0) if pooling == "mean" else row[-1] for row in rows])
    torch.testing.assert_close(model.features(batch), expected)


def test_pairs_keep_their_token_types(tiny_folder):
    model, _ = _tuned(tiny_folder("bert"), "prompt", "cls")
    batch = tiny.batch(model, tiny.rows(4))
    ones = torch.ones_like(batch.input_ids)
    plain = model(batch.input_ids, batch.attention_mask, torch.zeros_like(ones))
    paired = model(batch.input_ids, batch.attention_mask, ones)
    assert not torch.allclose(plain, paired)
    # The virtual tokens themselves are of the first text.
    seen = {}
    table = model.network.bert.embeddings.token_type_embeddings
    table.register_forward_hook(lambda _, args, __: seen.update(types=args[0]))
    model(batch.input_ids, batch.attention_mask, ones)
    assert torch.equal(seen["types"], functional.pad(ones, (NUM_VIRTUAL, 0)))
