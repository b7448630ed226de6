"""Techniques of different points go together: whole runs, from a file of rows to a verdict and a model read back."""

import csv
import json

import numpy as np
import pytest

from afina.recipe import reading
from afina.run import execute, folder, gather, judging, opened, reload, settling
from afina.run.opened import Run

COMBINATIONS = {
    "several labels, mean, wise-ft, biases": {
        "labels": "multi",
        "recipe": {
            "task": {"kind": "text-classification", "pooling": "mean"},
            "tuning": "bias",
            "retention": {"kind": "wise-ft", "num_points": 3},
            "training": {"optimizer": "sgd", "schedule": "cosine", "learning_rate": 0.05},
        },
    },
    "a number, windows, l2-sp, head first": {
        "labels": "number",
        "recipe": {
            "data": {"long_text": "windows", "max_tokens": 8},
            "tuning": {"kind": "full", "layer_decay": 0.9},
            "retention": "l2-sp",
            "training": {"callbacks": ["early-stop", "divergence"], "schedule": "slanted-triangular"},
        },
    },
    "pairs, focal loss, last block, muon": {
        "labels": "pair",
        "recipe": {
            "data": {"text": ["text", "other"]},
            "task": {"kind": "text-classification", "pooling": "cls"},
            "tuning": {"kind": "last-blocks", "num_blocks": 1},
            "objective": {"kind": "supervised", "focal_gamma": 2.0, "class_weights": "balanced"},
            "training": {"optimizer": "muon", "precision": "bfloat16"},
        },
    },
}


@pytest.fixture
def rows(sentences, tmp_path):
    def write(kind):
        path = tmp_path / "rows.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("text", "other", "label") if kind == "pair" else ("text", "label"))
            for number, (text, label) in enumerate(sentences(80, labels=3)):
                value = {
                    "multi": f"{label}|long" if len(text) > 50 else label,
                    "number": f"{len(text) / 10:.2f}",
                    "pair": label,
                }[kind]
                writer.writerow((text, f"number {number}", value) if kind == "pair" else (text, value))
        return str(path)

    return write


@pytest.mark.parametrize("name", COMBINATIONS)
def test_a_combination_runs_from_rows_to_a_model_that_is_read_back(tiny_sentence_encoder, rows, tmp_path, name):
    asked = COMBINATIONS[name]["recipe"]
    recipe = {
        **asked,
        "base": str(tiny_sentence_encoder),
        "data": {"train": rows(COMBINATIONS[name]["labels"]), **asked.get("data", {})},
        "training": {"epochs": 2, "global_batch_size": 16, **asked["training"]},
        "evaluation": {"num_resamples": 100},
    }
    prepared = execute.prepare(reading.from_keywords(recipe))
    place = folder.create("it", output=tmp_path / "run")
    evaluation = execute.train(prepared, place)
    assert evaluation.verdict.sentence
    assert {path.name for path in place.path.iterdir()} >= {
        "model",
        "evaluation.json",
        "report.html",
        "predictions.parquet",
    }
    assert opened.evaluation_of(place)["verdict"]["sentence"] == evaluation.verdict.sentence

    task = prepared.gathered.task
    answers = Run(place).predict(["the box came today", "not great"] if len(task.columns.text) == 1 else _pairs())
    assert len(answers) == 2
    events = [json.loads(line) for line in place.events.read_text("utf-8").splitlines()]
    assert {"fit_start", "step", "evaluation", "checkpoint", "fit_end"} <= {event["kind"] for event in events}
    assert ("mixture" in {event["kind"] for event in events}) == ("wise" in name)


def _pairs():
    return [{"text": "the box came today", "other": "number 3"}, {"text": "not great", "other": "number 4"}]


@pytest.fixture
def gathered(tiny_sentence_encoder, make_csv):
    recipe = {"base": str(tiny_sentence_encoder), "data": str(make_csv(60, labels=3)), "tuning": "head"}
    return gather.gather(reading.from_keywords(recipe))


def test_gathering_encodes_every_split_and_explains_what_it_inferred(gathered):
    assert {name: len(segments) for name, segments in gathered.segments.items()} == {
        name: len(getattr(gathered.splits, name)) for name in ("train", "validation", "test")
    }
    resolved = gathered.resolved.recipe
    assert (resolved.task.pooling, resolved.task.problem, resolved.data.text) == ("mean", "single", ("text",))
    assert settling.lengths(gathered.segments["train"]).tolist() == [row.longest for row in gathered.segments["train"]]
    assert settling.aids(gathered).class_counts.sum() == len(gathered.splits.train)


def test_a_judgement_is_higher_when_predictions_are_better(gathered):
    task = gathered.task
    references = task.references(gathered.splits.validation)
    right = np.eye(3)[references] * 0.98 + 0.01
    good = judging.judgement(task, right, references)
    bad = judging.judgement(task, np.roll(right, 1, axis=1), references)
    assert good.score > bad.score
    assert good.loss < bad.loss
    assert len(reload.as_rows([{"text": "a"}, {"text": "b"}])) == 2
