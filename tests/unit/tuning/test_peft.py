"""Any method of PEFT by name, and what all techniques on PEFT share: merging, and the way back."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from afina.base.errors import QualityError, RecipeError
from afina.base.types import Layout
from afina.models import blocks
from afina.models.contract import HeadSpec, Model, Origin, Wiring
from tests import tiny

MODELS = {"bert": "cls", "gpt2": "last", "llama": "last", "vit": "", "resnet": ""}
LINEAR, ALL_TEXT = {"bert", "llama", "vit"}, {"bert", "gpt2", "llama", "vit"}
MATRIX = {
    "hira": ({"r": 4}, set(MODELS)),
    "loha": ({"r": 4}, set(MODELS) - {"gpt2"}),
    "lokr": ({"r": 4}, set(MODELS) - {"gpt2"}),
    "hra": ({"r": 4}, set(MODELS) - {"gpt2"}),
    "oft": ({"oft_block_size": 4}, LINEAR | {"resnet"}),
    "delora": ({"r": 4}, LINEAR),
    "miss": ({"r": 4}, LINEAR),
    "road": ({"group_size": 4}, LINEAR),
    "c3a": ({"block_size": 8}, LINEAR),
    "osf": ({}, LINEAR),
    "gralora": ({"r": 4}, ALL_TEXT),
    "fourierft": ({"n_frequency": 16}, ALL_TEXT),
    "vblora": ({"vector_length": 4, "num_vectors": 8}, ALL_TEXT),
    "randlora": ({"r": 4}, ALL_TEXT),
    "ln-tuning": ({}, ALL_TEXT | {"resnet"}),
}
"""Methods with small options, and the networks that take them; the others are refused."""


@pytest.fixture
def load(tiny_folder):
    def load(family):
        pooling = MODELS[family]
        return (tiny.load(tiny_folder(family), pooling) if pooling else tiny.image_model(family)).eval()

    return load


@pytest.mark.filterwarnings("ignore:Unsupported layer type:UserWarning")
@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("method", MATRIX)
def test_which_method_works_on_which_network(load, method, family, tmp_path):
    options, works_on = MATRIX[method]
    model = load(family)
    if family not in works_on:
        with pytest.raises(RecipeError) as error:
            tiny.tuned(model, "peft", method=method, options=options)
        assert error.value.code == "E-TUNING-028"
        assert type(model.network).__name__ in str(error.value)
        return
    tuning, report = tiny.tuned(model, "peft", method=method, options=options)
    assert set(report.names) > set(model.blocks.head)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in report.names:
                parameter.add_(0.05)
    tuning.save(model, tmp_path, "base")
    other = load(family)
    # Whatever a method draws must be in its files, or come from its own seed.
    torch.manual_seed(99)
    tiny.technique("tuning", "peft", method=method, options=options).restore(other, tmp_path)
    if model.head is not None:
        other.head.load_state_dict(model.head.state_dict())
    if (method, family) != ("oft", "resnet"):  # OFT wants images larger than these
        assert torch.equal(tiny.outputs(model.eval()), tiny.outputs(other.eval()))


def test_layers_that_are_named_are_the_ones(load):
    _, report = tiny.tuned(load("llama"), "peft", method="LoHa", options={"r": 2, "target_modules": ["q_proj"]})
    assert {name.split(".hada_")[0].rpartition(".")[2] for name in report.names if "hada_" in name} == {"q_proj"}


@pytest.mark.parametrize(
    ("method", "code", "text"),
    [
        ("lohha", "E-TUNING-033", "Did you mean loha?"),
        ("prompt_tuning", "E-TUNING-034", "tuning: prompt"),
        ("prefix-tuning", "E-TUNING-034", "tuning: prefix"),
        ("P-Tuning", "E-TUNING-034", "tuning: p-tuning"),
        ("adalora", "E-TUNING-034", "every step"),
        ("ia3", "E-TUNING-034", "tuning: ia3"),
        ("poly", "E-TUNING-034", "task of every row"),
    ],
)
def test_methods_that_are_not_reached_from_here_say_where_to_go(method, code, text):
    with pytest.raises(RecipeError) as error:
        tiny.technique("tuning", "peft", method=method)
    assert error.value.code == code
    assert text in str(error.value)
    assert error.value.problem.where == "tuning.peft.method"


def test_every_wrong_option_is_listed_with_its_place():
    options = {"rr": 4, "alpha": "8", "module_dropout": True, "modules_to_save": ["x"], "r": 4}
    with pytest.raises(RecipeError) as error:
        tiny.technique("tuning", "peft", method="loha", options=options)
    assert error.value.code == "E-TUNING-035"
    found = {problem.where.rpartition(".")[2]: problem for problem in error.value.problems}
    assert set(found) == {"rr", "alpha", "module_dropout", "modules_to_save"}
    assert found["alpha"].expected == "int"
    assert found["module_dropout"].expected == "float"
    assert "rank_dropout" in found["rr"].expected
    assert "settles this itself" in found["modules_to_save"].what


def test_options_that_contradict_each_other_are_refused_in_the_words_of_peft(load):
    options = {"target_modules": "all-linear", "layers_pattern": "x"}
    with pytest.raises(RecipeError) as error:
        tiny.tuned(load("bert"), "peft", method="lora", options=options)
    assert error.value.code == "E-TUNING-032"


def test_a_method_that_changes_the_base_is_refused(load):
    with pytest.raises(RecipeError, match="changes the base's own weights"):
        tiny.tuned(load("bert"), "peft", method="lora", options={"r": 2, "init_lora_weights": "olora"})


def test_a_head_that_peft_would_lose_is_refused(load):
    with pytest.raises(RecipeError) as error:
        tiny.tuned(load("bert"), "peft", method="trainable-tokens", options={"token_indices": [3]})
    assert error.value.code == "E-TUNING-036"
    tiny.tuned(load("gpt2"), "peft", method="trainable-tokens", options={"token_indices": [3]})


def test_a_method_that_peft_cannot_fold_is_refused(load):
    model = load("bert")
    tuning, _ = tiny.tuned(model, "peft", method="lily", options={"r": 4})
    with pytest.raises(RecipeError) as error:
        tuning.merge(model)
    assert error.value.code == "E-TUNING-026"
    assert "beside its base" in error.value.problem.mend


def test_folding_that_changes_what_is_said_is_an_error(load, monkeypatch):
    model = load("bert")
    tuning, report = tiny.tuned(model, "lora", rank=2)
    with torch.no_grad():
        dict(model.named_parameters())[report.names[1]].add_(1.0)
    whole = tuning.tuner.merge_and_unload

    def skewed():
        network = whole()
        with torch.no_grad():
            network.bert.encoder.layer[0].attention.self.query.weight.add_(0.5)
        return network

    monkeypatch.setattr(tuning.tuner, "merge_and_unload", skewed)
    with pytest.raises(QualityError) as error:
        tuning.merge(model)
    assert error.value.code == "E-TUNING-027"


def test_a_quantised_base_is_not_folded_into(load):
    model = load("bert")
    tuning, _ = tiny.tuned(model, "lora", rank=2)
    # Whole numbers cannot carry a gradient, which is how a quantised weight is known.
    weight = torch.nn.Parameter(torch.zeros(4, dtype=torch.uint8), requires_grad=False)
    model.network.bert.encoder.layer[0].intermediate.dense.base_layer.weight = weight
    with pytest.raises(RecipeError, match="quantised") as error:
        tuning.merge(model)
    assert "--onto-float32" in error.value.problem.mend


def test_tied_embeddings_survive_training_merging_and_saving(tmp_path):
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32)).eval()
    assert network.lm_head.weight is network.transformer.wte.weight
    found = blocks.discover(network, network.base_model_prefix, has_own_head=True)
    assert not found.head
    wiring, spec = Wiring("decoder", found), HeadSpec(("a",), "single", "last")
    model = Model(
        network,
        None,
        wiring=wiring,
        layout=Layout(max_tokens=32, pad_token_id=0),
        spec=spec,
        origin=Origin("x", "", ""),
    )
    tuning, report = tiny.tuned(model, "lora", rank=4)
    ids = torch.randint(0, 40, (2, 9))
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], 1e-2)
    for _ in range(3):
        network(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    said = network.eval()(input_ids=ids).logits.detach()
    tuning.merge(model)
    assert network.lm_head.weight is network.transformer.wte.weight
    network.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).tie_word_embeddings
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.lm_head.weight is again.transformer.wte.weight
    torch.testing.assert_close(again(input_ids=ids).logits, said, rtol=0, atol=1e-5)
    assert len(report.names) == 2 * 4 * 2
