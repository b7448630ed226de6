"""QLoRA as a run: from a file of rows to a verdict, cut and gone on with, and an adapter that plain `peft` reads."""

import json

import numpy as np
import pytest
import torch

from afina.base.errors import QualityError, RecipeError, RunError
from afina.engine import checkpoint
from afina.engine.loop import COMPONENTS
from afina.models import loading
from afina.recipe import reading
from afina.run import execute, folder, merging, reload, shipping
from tests import tiny

NUM_STEPS = 6


def _recipe(base, rows, **training):
    return {
        "base": {"name": str(base), "dropout": 0.2},
        "data": {"train": str(rows)},
        "tuning": {"kind": "qlora", "rank": 4, "dropout": 0.1},
        "training": {
            "max_steps": NUM_STEPS,
            "global_batch_size": 8,
            "save_every_steps": 1,
            "learning_rate": 1e-2,
            "precision": "bfloat16",
            **training,
        },
        "evaluation": {"num_resamples": 100},
    }


@pytest.fixture
def recipe(tiny_bert, make_csv):
    return _recipe(tiny_bert, make_csv(60))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_a_run_ends_with_an_adapter_that_a_fresh_process_and_peft_read(recipe, tmp_path):
    prepared = execute.prepare(reading.from_keywords(recipe))
    assert prepared.digests
    place = folder.create("it", output=tmp_path / "run")
    evaluation = execute.train(prepared, place)
    assert evaluation.verdict.sentence
    files = {path.name for path in place.model.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= files
    assert "model.safetensors" not in files
    reloaded = reload.reload(place.model, torch.device("cpu"), "float32")
    segments = prepared.gathered.segments["test"]
    ours = prepared.forward.in_float32().predict(prepared.gathered.task, segments)
    np.testing.assert_allclose(reloaded.forward.predict(reloaded.task, segments), ours, atol=1e-6)
    _check_with_peft(prepared, place, recipe)
    # Written for the base in float32 it would say something else than on the base that it was mixed on.
    with pytest.raises(RunError) as error:
        merging.merge([place.model], tmp_path / "mix", as_adapter=True)
    assert (error.value.code, (tmp_path / "mix").exists()) == ("E-MERGE-007", False)
    assert merging.merge([place.model], tmp_path / "mix", as_adapter=True, in_float32=True).difference <= merging.SAME


def _check_with_peft(prepared, place, recipe):
    import transformers
    from peft import PeftModel

    settings = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        llm_int8_skip_modules=["classifier", "pooler.dense"],
    )
    is_whole = prepared.model.head is None
    kind = transformers.AutoModelForSequenceClassification if is_whole else transformers.AutoModel
    batch = tiny.batch(prepared.model, prepared.gathered.segments["test"][:4])
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    outputs = {}
    for name, keywords in (("quantised", {"quantization_config": settings}), ("plain", {})):
        network = kind.from_pretrained(recipe["base"]["name"], **keywords)
        if name == "quantised":
            for module in network.modules():
                module.support_avx512bf16_for_cpu = False
        adapted = PeftModel.from_pretrained(network, place.model).eval()
        with torch.no_grad():
            outputs[name] = (adapted(**inputs).logits if is_whole else adapted(**inputs).last_hidden_state).float()
    model = prepared.model.eval()
    with torch.no_grad():
        ours = model.network(**inputs)
        ours = ours.logits if is_whole else ours.last_hidden_state
    mask = batch.attention_mask
    select = (lambda values: values) if is_whole else (lambda values: values[mask])
    torch.testing.assert_close(select(outputs["quantised"]), select(ours), rtol=1e-4, atol=1e-4)
    # On the base in float32 it is the same adapter on slightly other weights.
    assert not torch.allclose(select(outputs["plain"]), select(ours), atol=1e-6)
    assert float((select(outputs["plain"]) - select(ours)).abs().mean()) < float(select(ours).abs().mean())


class Cut(Exception):
    """The moment at which a run is killed."""


class Killer:
    """Ends a run in the middle of a step."""

    priority = 0

    def backward_done(self, progress):
        if progress.step == 3:
            raise Cut

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def test_cut_and_gone_on_with_it_ends_at_the_same_weights(recipe, tmp_path):
    ends = {}
    for name, killers in (("whole", []), ("cut", [Killer()])):
        place = folder.create("it", output=tmp_path / name)
        prepared = execute.prepare(reading.from_keywords(recipe))
        if killers:
            with pytest.raises(Cut):
                execute._fit(prepared, place, killers, execute.Silent())
            prepared = execute.prepare(reading.from_keywords(recipe))
        execute._fit(prepared, place, [], execute.Silent())
        found, _ = checkpoint.newest(place.path, COMPONENTS)
        assert found.step == NUM_STEPS
        ends[name] = found.read()["model"].tensors
    assert all(torch.equal(ends["whole"][name], weight) for name, weight in ends["cut"].items())


def test_a_quantised_weight_that_moved_is_seen(recipe):
    prepared = execute.prepare(reading.from_keywords(recipe))
    gathered = prepared.gathered
    base = loading.load(gathered.source, gathered.task.head, gathered.processor, seed=0)
    shipping.check_frozen(prepared.model, base, prepared.report, prepared.digests)
    name, weight = next(pair for pair in prepared.model.named_parameters() if not pair[1].is_floating_point())
    weight.data.view(-1)[0] ^= 1
    with pytest.raises(QualityError) as error:
        shipping.check_frozen(prepared.model, base, prepared.report, prepared.digests)
    assert name in str(error.value)


def test_folding_into_four_bits_is_refused_with_what_to_do(tiny_bert):
    model = tiny.load(tiny_bert, requires=tiny.technique("tuning", "qlora").requires)
    tuning, _ = tiny.tuned(model, "qlora")
    before = tiny.weights(model)
    with pytest.raises(RecipeError) as error:
        tuning.merge(model)
    assert error.value.code == "E-TUNING-026"
    assert "float32" in error.value.problem.mend
    assert all(torch.equal(before[name], weight) for name, weight in tiny.weights(model).items())


def test_put_on_the_base_in_float32_it_can_be_folded(tiny_bert, tmp_path):
    model = tiny.load(tiny_bert, requires=tiny.technique("tuning", "qlora").requires)
    tuning, _ = tiny.tuned(model, "qlora")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1)
    assert tuning.save(model, tmp_path, str(tiny_bert))
    assert json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))["peft_type"] == "LORA"
    plain = tiny.load(tiny_bert)
    other = tiny.technique("tuning", "qlora")
    other.restore(plain, tmp_path)
    outputs = tiny.outputs(plain.eval())
    other.merge(plain)
    torch.testing.assert_close(tiny.outputs(plain), outputs, rtol=1e-5, atol=1e-5)


def test_its_options_are_loras_and_images_are_refused():
    from afina.tuning import lora, qlora

    assert set(qlora.Config.model_fields) == set(lora.Config.model_fields)
    assert qlora.Config(rank=3).kind == "qlora"
    assert not tiny.technique("tuning", "qlora").supports.intersection({"cnn", "vision-transformer"})
