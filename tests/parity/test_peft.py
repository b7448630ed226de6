"""Plain PEFT and we read each other's adapters, and say the same with them."""

import json

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification

from afina.tuning import _peft_files
from tests import tiny

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

MODELS = [("bert", "cls"), ("bert", "mean"), ("distilbert", "cls"), ("gpt2", "last"), ("llama", "last")]
IMAGES = [("vit", ""), ("resnet", "")]
VARIANTS = {
    "dora": {"rank": 4, "variant": "dora"},
    "rslora": {"rank": 4, "alpha": 7, "variant": "rslora"},
    "pissa": {"rank": 4, "alpha": 8, "initialisation": "pissa"},
    "olora": {"rank": 4, "alpha": 8, "initialisation": "olora", "variant": "rslora"},
}
TECHNIQUES = [
    *(("lora", {}, *model) for model in [*MODELS, *IMAGES]),
    *(("lora", options, *model) for options in VARIANTS.values() for model in [("bert", "cls"), ("gpt2", "mean")]),
    *(("ia3", {}, *model) for model in [("bert", "cls"), ("gpt2", "last"), *IMAGES]),
    *(("vera", {"rank": 8}, *model) for model in [("distilbert", "cls"), ("llama", "mean"), ("vit", "")]),
]


@pytest.fixture
def load(tiny_folder):
    def load(family, pooling):
        return (tiny.image_model(family) if not pooling else tiny.load(tiny_folder(family), pooling)).eval()

    return load


def _learnt(model, tuning, report):
    draw = torch.Generator().manual_seed(3)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in report.names:
            parameters[name].add_(0.1 * torch.randn(parameters[name].shape, generator=draw))
    return model.eval(), tuning


def _outputs(model):
    with torch.no_grad():
        return tiny.outputs(model.eval())


@pytest.mark.parametrize(("kind", "options", "family", "pooling"), TECHNIQUES)
def test_plain_peft_and_a_fresh_base_say_what_ours_says(load, tmp_path, kind, options, family, pooling):
    model = load(family, pooling)
    published = tiny.weights(model)
    model, tuning = _learnt(model, *tiny.tuned(model, kind, **options))
    said = _outputs(model)
    assert tuning.save(model, tmp_path, "somebody/base")

    plain = load(family, pooling)
    torch.manual_seed(99)
    plain.network = PeftModel.from_pretrained(plain.network, tmp_path).get_base_model()
    restored, own = load(family, pooling), tiny.technique("tuning", kind, **options)
    own.restore(restored, tmp_path)
    for other in (plain, restored):
        if model.head is not None:
            other.head.load_state_dict(model.head.state_dict())
        torch.testing.assert_close(_outputs(other), said, rtol=0, atol=1e-5)
    if options.get("initialisation", "default") == "default":
        assert torch.equal(_outputs(plain), said)
        assert torch.equal(_outputs(restored), said)

    own.merge(restored)
    torch.testing.assert_close(_outputs(restored), said, rtol=0, atol=1e-5)
    tuning.unload(model)
    left = tiny.weights(model)
    assert set(tiny.weights(restored)) == set(left) == set(published)
    assert all(torch.equal(left[name], published[name]) for name in published if name not in model.blocks.head)


def test_the_lines_of_usage_put_it_on_a_plain_network(load, tiny_folder, tmp_path):
    model = load("bert", "cls")
    model, tuning = _learnt(model, *tiny.tuned(model, "lora", rank=4))
    tuning.save(model, tmp_path, str(tiny_folder("bert")))
    network = AutoModelForSequenceClassification.from_pretrained(tiny_folder("bert"), num_labels=3)
    names = {"network": network, "FOLDER": str(tmp_path)}
    exec(tuning.usage, names)
    auto = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path, num_labels=3)
    batch = tiny.batch(model, tiny.rows(4))
    for plain in (names["network"], auto):
        outputs = plain.eval()(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        torch.testing.assert_close(outputs, model(batch.input_ids, batch.attention_mask), rtol=0, atol=1e-6)


def test_the_files_are_those_that_peft_writes(load, tiny_folder, tmp_path):
    model = load("bert", "cls")
    tuning, _ = tiny.tuned(model, "lora", rank=4, alpha=8, target_modules=["query", "value"])
    (tmp_path / "ours").mkdir()
    tuning.save(model, tmp_path / "ours", str(tiny_folder("bert")))
    network = AutoModelForSequenceClassification.from_pretrained(tiny_folder("bert"), num_labels=3)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS")
    get_peft_model(network, config).save_pretrained(tmp_path / "theirs")
    ours, theirs = (load_file(tmp_path / name / _peft_files.WEIGHTS_FILE) for name in ("ours", "theirs"))
    assert {name: weight.shape for name, weight in ours.items()} == {
        name: weight.shape for name, weight in theirs.items()
    }
    ours, theirs = (json.loads((tmp_path / name / _peft_files.CONFIG_FILE).read_text()) for name in ("ours", "theirs"))
    differing = {name for name in theirs if ours[name] != theirs[name]}
    assert set(ours) == set(theirs)
    # We name each layer in full, and the head alone that there is.
    assert differing == {"target_modules", "modules_to_save"}


def test_what_peft_wrote_is_restored(load, tiny_folder, tmp_path):
    network = AutoModel.from_pretrained(tiny_folder("gpt2"))
    options = {"r": 4, "target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}
    theirs = get_peft_model(network, LoraConfig(**options, init_lora_weights=False, task_type="FEATURE_EXTRACTION"))
    theirs.save_pretrained(tmp_path)
    model = load("gpt2", "last")
    tiny.technique("tuning", "lora").restore(model, tmp_path)
    ids = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(model.network(ids).last_hidden_state, theirs.eval()(ids).last_hidden_state)


@pytest.mark.parametrize("initialisation", ["pissa", "olora"])
def test_first_values_are_those_of_peft(load, initialisation):
    model = load("llama", "last")
    network = load("llama", "last").network
    tuning, _ = tiny.tuned(model, "lora", rank=4, alpha=8, initialisation=initialisation)
    theirs = get_peft_model(
        network, LoraConfig(r=4, lora_alpha=8, init_lora_weights=initialisation, target_modules="all-linear")
    ).get_base_model()
    wanted = dict(theirs.named_parameters())
    state = {name.removeprefix("network."): weight for name, weight in tuning.state(model).items()}
    compared = [name for name in state if "lora_" in name]
    assert len(compared) == 2 * 7 * 2
    for name in compared:
        torch.testing.assert_close(state[name], wanted[name], rtol=1e-4, atol=1e-5)
