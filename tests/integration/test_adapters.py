"""What stands beside a base goes the whole way: trained, read back by a fresh process, used, and gone on with."""

import json

import pytest
from pyarrow import parquet

from afina.base.errors import RecipeError
from afina.recipe import reading
from afina.run import gather, python
from afina.run.opened import Run

RECIPES = {
    "adapter": {
        "task": {"kind": "text-classification", "pooling": "cls"},
        "tuning": {"kind": "adapter", "placement": "houlsby", "reduction_factor": 4, "freeze_blocks": 1},
        "files": {"adapter_config.json", "adapter.safetensors"},
    },
    "prompt": {
        "task": {"kind": "text-classification", "pooling": "mean"},
        "tuning": {"kind": "prompt", "num_virtual_tokens": 6, "initialisation": "text", "text": "the box was great"},
        "files": {"adapter_config.json", "adapter_model.safetensors", "head.safetensors"},
    },
}


@pytest.mark.parametrize("kind", RECIPES)
def test_a_run_with_added_weights_ends_in_files_that_say_the_same(tiny_sentence_encoder, make_csv, tmp_path, kind):
    asked = RECIPES[kind]
    run = python.train(
        show_progress=False,
        base=str(tiny_sentence_encoder),
        data=str(make_csv(80)),
        task=asked["task"],
        tuning=asked["tuning"],
        training={"epochs": 2, "global_batch_size": 16, "learning_rate": 0.02, "callbacks": []},
        evaluation={"num_resamples": 100},
        output=str(tmp_path / "run"),
    )
    names = {path.name for path in run.folder.model.iterdir()}
    assert asked["files"] <= names
    # The base is where it was: nothing of it is copied.
    assert not names & {"model.safetensors", "config.json"}
    description = json.loads((run.folder.model / "afina.json").read_text("utf-8"))
    assert description["is_adapter"]
    assert description["tuning"]["kind"] == kind
    assert str(tiny_sentence_encoder) in (run.folder.model / "README.md").read_text("utf-8")
    assert run.evaluation.cost.artefact_bytes < 60_000
    told = parquet.read_table(run.folder.predictions).to_pylist()
    answers = Run(run.folder).predict([row["text"] for row in told])
    assert [answer.answer for answer in answers] == [row["prediction"] for row in told]
    if kind == "prompt":
        # Six positions are the virtual tokens'.
        assert description["max_tokens"] == 64 - 6


def test_virtual_tokens_that_leave_no_room_for_the_text_are_refused_before_anything_is_loaded(tiny_bert, make_csv):
    recipe = {"base": str(tiny_bert), "data": str(make_csv()), "tuning": {"kind": "prompt", "num_virtual_tokens": 64}}
    with pytest.raises(RecipeError, match="64 virtual ones") as error:
        gather.gather(reading.from_keywords(recipe))
    assert error.value.code == "E-RECIPE-022"
