"""What stands beside a base goes the whole way: trained, read back by a fresh process, used, and gone on with."""

import json

import pytest
from pyarrow import parquet

from afina.base.errors import RecipeError
from afina.recipe import reading
from afina.run import execute, folder, gather
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


class Stop:
    """Ends a run in the middle of a step, as Ctrl-C does."""

    priority = 0

    def backward_done(self, progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.mark.parametrize("kind", RECIPES)
def test_a_run_with_added_weights_is_cut_gone_on_with_and_used(tiny_sentence_encoder, make_csv, tmp_path, kind):
    asked = RECIPES[kind]
    recipe = {
        "base": str(tiny_sentence_encoder),
        "data": str(make_csv(80)),
        "task": asked["task"],
        "tuning": asked["tuning"],
        "training": {"epochs": 2, "global_batch_size": 16, "learning_rate": 0.02, "save_every_steps": 2},
        "evaluation": {"num_resamples": 100},
    }
    place = folder.create("it", output=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        execute.train(execute.prepare(reading.from_keywords(recipe)), place, [Stop()])
    assert not place.model.exists()
    evaluation = execute.train(execute.prepare(reading.from_keywords(recipe)), place)
    names = {path.name for path in place.model.iterdir()}
    assert asked["files"] <= names
    # The base is where it was: nothing of it is copied.
    assert not names & {"model.safetensors", "config.json"}
    description = json.loads((place.model / "afina.json").read_text("utf-8"))
    assert description["is_adapter"]
    assert description["tuning"]["kind"] == kind
    assert str(tiny_sentence_encoder) in (place.model / "README.md").read_text("utf-8")
    assert evaluation.cost.artefact_bytes < 60_000
    told = parquet.read_table(place.predictions).to_pylist()
    answers = Run(place).predict([row["text"] for row in told])
    assert [answer.answer for answer in answers] == [row["prediction"] for row in told]
    if kind == "prompt":
        # Six positions are the virtual tokens'.
        assert description["max_tokens"] == 64 - 6


def test_virtual_tokens_that_leave_no_room_for_the_text_are_refused_before_anything_is_loaded(tiny_bert, make_csv):
    recipe = {"base": str(tiny_bert), "data": str(make_csv()), "tuning": {"kind": "prompt", "num_virtual_tokens": 64}}
    with pytest.raises(RecipeError, match="64 virtual ones") as error:
        gather.gather(reading.from_keywords(recipe))
    assert error.value.code == "E-RECIPE-022"
