"""Adapters from a recipe to a run and beyond: resumed, evaluated, merged, mixed, side by side."""

import csv
import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import afina
from afina.base.errors import RecipeError, RunError, SourceError
from afina.cli.main import main
from afina.models import saving
from afina.recipe import reading
from afina.run import adapters, execute, folder, merging, reload, shipping
from afina.run.merging import Mix
from afina.run.opened import Run

TECHNIQUES = {
    "lora": {"kind": "lora", "rank": 4},
    "other": {"kind": "lora", "rank": 2, "initialisation": "olora", "alpha": 2},
    "dora": {"kind": "lora", "rank": 2, "variant": "dora", "freeze_blocks": 1},
    "labels": {"kind": "vera", "rank": 8},
    "mean": {"kind": "peft", "method": "hira", "options": {"r": 2}},
}


class Stop:
    """Ends a run in the middle of a step, as Ctrl-C does."""

    priority = 0

    def backward_done(self, progress):
        if progress.step == 5:
            raise KeyboardInterrupt

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_bert, sentences):
    """A function that gives the run of one of `TECHNIQUES`: `lora` is trained, the others saved as if they were."""
    root, runs = tmp_path_factory.mktemp("runs"), {}

    def prepare(name, tuning=None):
        path = root / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "label"))
            writer.writerows(sentences(60, labels=3 if name == "labels" else 2))
        recipe = {
            "base": str(tiny_bert),
            "data": {"train": str(path)},
            "task": {"kind": "text-classification", "pooling": "mean" if name == "mean" else "cls"},
            "tuning": tuning or TECHNIQUES[name],
            "retention": {"kind": "wise-ft", "num_points": 3} if name == "lora" else "none",
            "training": {"epochs": 2, "global_batch_size": 8, "learning_rate": 0.01, "save_every_steps": 2},
            "evaluation": {"num_resamples": 100},
        }
        return execute.prepare(reading.from_keywords(recipe))

    def trained(name, tuning=None):
        if name not in runs:
            runs[name] = folder.create(name, output=root / name)
            prepared = prepare(name, tuning)
            if name == "lora":
                execute.train(prepared, runs[name])
            else:
                _save_as_if_trained(prepared, runs[name])
        return runs[name]

    trained.prepare = prepare
    return trained


def _save_as_if_trained(prepared, run):
    gathered, model = prepared.gathered, prepared.model
    draw = torch.Generator().manual_seed(len(prepared.report.names))
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in prepared.report.names:
            parameters[name].add_(0.1 * torch.randn(parameters[name].shape, generator=draw))
    description = shipping._description(gathered)
    saving.save(
        model,
        gathered.processor,
        run.model,
        description,
        lambda path: gathered.tuning.save(model, path, "somebody/base"),
    )


def _said(reloaded):
    rows = reload.as_rows([{"text": text} for text in merging.PROBES])
    return reloaded.forward.predict(reloaded.task, reloaded.task.encode(rows))


def _alone(model):
    return _said(reload.reload(model, torch.device("cpu"), "float32"))


def test_a_run_ships_an_adapter_that_a_fresh_process_read_back(trained):
    run = trained("lora")
    files = {path.name for path in run.model.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "afina.json"} <= files
    assert not {"config.json", "model.safetensors"} & files
    assert json.loads((run.model / "afina.json").read_text("utf-8"))["is_adapter"] is True
    assert "PeftModel.from_pretrained" in (run.model / "README.md").read_text("utf-8")
    assert Run(run).predict("the box came great lovely")[0].answer in {"good", "bad", "odd"}


def test_a_run_cut_in_the_middle_ends_at_the_same_adapter(trained, tmp_path):
    whole = trained("lora")
    cut = folder.create("cut", output=tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        execute.train(trained.prepare("lora"), cut, [Stop()])
    assert not cut.model.exists()
    execute.train(trained.prepare("lora"), cut)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (cut.model / name).read_bytes() == (whole.model / name).read_bytes()


def test_it_is_evaluated_and_asked_from_the_command_line(trained, capsys):
    run = trained("lora")
    assert main(["eval", str(run.path)]) == 0
    assert main(["predict", str(run.path), "--text", "great lovely"]) == 0
    assert "%" in capsys.readouterr().out


def test_merging_gives_a_plain_model_that_transformers_and_a_recipe_take(trained, tmp_path, capsys):
    run = trained("lora")
    out = tmp_path / "merged"
    assert main(["merge", str(run.path), "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["difference"] < 1e-5
    np.testing.assert_allclose(_alone(out), _alone(run.model), rtol=0, atol=1e-5)
    description = json.loads((out / "afina.json").read_text("utf-8"))
    assert description == {**json.loads((run.model / "afina.json").read_text("utf-8")), "is_adapter": False}
    network = AutoModelForSequenceClassification.from_pretrained(out).eval()
    assert list(network.config.id2label.values()) == description["labels"]
    batch = AutoTokenizer.from_pretrained(out)(list(merging.PROBES), padding=True, return_tensors="pt")
    plain = network(**batch).logits.softmax(-1).detach().numpy()
    np.testing.assert_allclose(plain, _alone(run.model), rtol=0, atol=1e-5)
    resolved = reading.from_keywords({"base": str(out), "data": str(run.path.parent / "lora.csv"), "tuning": "head"})
    assert execute.prepare(resolved).model.network.config.num_labels == 2


@pytest.mark.parametrize("mix", [Mix(), Mix(weights=(0.8, 0.4)), Mix("ties"), Mix("dare"), Mix("svd", rank=6)])
def test_several_become_one_model(trained, tmp_path, mix):
    both = [trained("lora").model, trained("other").model]
    merged = merging.merge(both, tmp_path / "one", mix)
    assert merged.difference < 1e-5
    assert merged.num_bytes > 0
    assert not any(np.array_equal(_alone(tmp_path / "one"), _alone(one)) for one in both)


def test_several_become_one_adapter(trained, tmp_path):
    both = [trained("lora").model, trained("other").model]
    merging.merge(both, tmp_path / "adapter", Mix("svd", rank=8), as_adapter=True)
    merging.merge(both, tmp_path / "whole", Mix("svd", rank=8))
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["r"], config["lora_alpha"]) == (8, 8)
    np.testing.assert_allclose(_alone(tmp_path / "adapter"), _alone(tmp_path / "whole"), rtol=0, atol=1e-5)


def test_a_mix_of_one_with_itself_is_itself(trained, tmp_path):
    run = trained("lora")
    merging.merge([run.model, run.model], tmp_path / "twice")
    np.testing.assert_allclose(_alone(tmp_path / "twice"), _alone(run.model), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("names", "mix", "code", "words"),
    [
        (("lora", "labels"), None, "E-MERGE-004", "labels"),
        (("lora", "mean"), None, "E-MERGE-004", "pooling"),
        (("lora", "dora"), None, "E-TUNING-037", "plain LoRA"),
        (("lora", "other"), Mix(weights=(1.0,)), "E-MERGE-002", "1 weights for 2"),
        (("lora", "other"), Mix(weights=(1.0, -1.0)), "E-MERGE-002", "sum to zero"),
        (("lora", "other"), Mix(density=0.5, rank=3), "E-MERGE-002", "Only ties and dare"),
    ],
)
def test_what_does_not_go_together_is_refused(trained, tmp_path, names, mix, code, words):
    with pytest.raises((RunError, RecipeError)) as error:
        merging.merge([trained(name).model for name in names], tmp_path / "no", mix)
    assert error.value.code == code
    assert words in str(error.value)
    assert not (tmp_path / "no").exists()


def test_what_is_there_already_or_whole_already_is_refused(trained, tmp_path):
    run = trained("lora")
    for out, code in ((run.model, "E-MERGE-001"), (tmp_path / "merged", None)):
        if code is None:
            merging.merge([run.model], out)
            run_again, code, out = out, "E-MERGE-003", tmp_path / "again"
        else:
            run_again = run.model
        with pytest.raises(RunError) as error:
            merging.merge([run_again], out)
        assert error.value.code == code


def test_an_adapter_of_a_quantised_base_is_folded_into_the_base_as_it_was(trained, tmp_path):
    pytest.importorskip("bitsandbytes")
    run = trained("four-bits", {"kind": "qlora", "rank": 2})
    with pytest.raises(RecipeError) as error:
        merging.merge([run.model], tmp_path / "no")
    assert error.value.problem.mend.endswith("--onto-float32")
    assert merging.merge([run.model], tmp_path / "merged", in_float32=True).difference < 1e-5
    # What rounding the base took away is all that sets them apart.
    gap = np.abs(_alone(tmp_path / "merged") - _alone(run.model)).max()
    assert 0 < gap < 0.2


def test_a_base_that_changed_is_noticed(trained, tmp_path):
    changed = tmp_path / "model"
    changed.mkdir()
    for path in trained("lora").model.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    description = json.loads((changed / "afina.json").read_text("utf-8"))
    description["base"]["fingerprint"] = "0" * 64
    (changed / "afina.json").write_text(json.dumps(description), "utf-8")
    with pytest.raises(SourceError) as error:
        merging.merge([changed], tmp_path / "merged")
    assert error.value.code == "E-MODEL-013"
    with pytest.raises(RunError) as other:
        merging.merge([trained("lora").model, changed], tmp_path / "merged")
    assert other.value.code == "E-MERGE-004"
    with pytest.raises(RunError) as other:
        adapters.Adapters({"one": trained("lora").model, "two": changed})
    assert other.value.code == "E-MERGE-004"


def test_adapters_side_by_side_say_what_each_says_alone(trained):
    named = {name: str(trained(name).path) for name in TECHNIQUES}
    loaded = afina.load_adapters(named)
    assert loaded.names == tuple(TECHNIQUES)
    for name in (*TECHNIQUES, *reversed(TECHNIQUES)):
        assert np.array_equal(_said(loaded.use(name)), _alone(trained(name).model)), name
    bases = [dict(loaded.use(name).forward.model.encoder.named_parameters()) for name in TECHNIQUES]
    word = "embeddings.word_embeddings.weight"
    assert len({base[word].data_ptr() for base in bases}) == 1
    answers = loaded.predict("labels", ["the box came great lovely", {"text": "awful"}])
    assert set(answers[0].probabilities) == {"good", "bad", "odd"}
    alone = adapters.Adapters({"alone": trained("labels").model}).predict(
        "alone", ["the box came great lovely", "awful"]
    )
    assert answers == alone
    with pytest.raises(RunError) as error:
        loaded.use("nobody")
    assert error.value.code == "E-MERGE-006"


def test_an_adapter_that_holds_weights_of_the_base_does_not_share_it(trained):
    run = trained("biases", {"kind": "peft", "method": "lora", "options": {"r": 2, "bias": "all"}})
    with pytest.raises(RunError) as error:
        adapters.Adapters({"lora": trained("lora").model, "biases": run.model})
    assert error.value.code == "E-MERGE-005"
