"""The engine ends at the weights of the plain script in `examples/flat/classify.py`, given the same batches."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from afina.recipe import reading
from afina.run import execute, folder
from examples.flat import classify

TOLERANCE = 1e-12
"""Relative L2 distance over all weights, in float64 with dropout off."""


@pytest.fixture
def prepared(tiny_bert, make_csv):
    recipe = {
        "base": {"name": str(tiny_bert), "dropout": 0.0},
        "data": {"train": str(make_csv(100)), "split": {"validation": 0.0, "test": 0.2}},
        "task": {"kind": "text-classification", "pooling": "cls"},
        "tuning": {"kind": "full", "head_first_epochs": 0.0},
        "training": {
            "epochs": 4,
            "learning_rate": classify.LEARNING_RATE * 20,
            "precision": "float64",
            "callbacks": [],
        },
    }
    return execute.prepare(reading.from_keywords(recipe))


def _plain_model(base, prepared):
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2).double()
    model.load_state_dict(prepared.model.network.state_dict())
    return model


def _plain_batches(base, prepared):
    """Return the batches of every step, made by the script from the texts in the engine's order."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows, task = prepared.gathered.splits.train, prepared.gathered.task
    targets = task.references(rows)
    steps = [step for epoch in range(4) for step in prepared.plan.epoch(epoch)]
    assert max(len(step) for step in steps) == classify.BATCH_SIZE
    return [
        batch
        for step in steps
        for batch in classify.make_batches(
            tokenizer, [task.text_of(rows[row]) for row in step], [int(targets[row]) for row in step]
        )
    ]


@torch.no_grad()
def _distance(one, other):
    difference = sum(float((one[name] - other[name]).square().sum()) for name in one)
    return (difference / sum(float(weight.square().sum()) for weight in one.values())) ** 0.5


def test_engine_ends_at_the_weights_of_the_plain_script(prepared, tiny_bert, tmp_path):
    plain = _plain_model(tiny_bert, prepared)
    start = {name: weight.clone() for name, weight in plain.named_parameters()}
    losses = classify.train(
        plain,
        _plain_batches(tiny_bert, prepared),
        epochs=1,
        learning_rate=prepared.settings.learning_rate,
        dropout=False,
    )
    execute.train(prepared, folder.create("twin", output=tmp_path / "run"))
    ours, theirs = dict(prepared.model.network.named_parameters()), dict(plain.named_parameters())
    assert _distance(theirs, ours) < TOLERANCE
    assert _distance(theirs, start) > 1e-3
    assert len(losses) == prepared.settings.num_steps


def test_the_comparison_notices_another_learning_rate(prepared, tiny_bert):
    one, other = _plain_model(tiny_bert, prepared), _plain_model(tiny_bert, prepared)
    batches = _plain_batches(tiny_bert, prepared)
    classify.train(one, batches, epochs=1, learning_rate=1e-3, dropout=False)
    classify.train(other, batches, epochs=1, learning_rate=1.001e-3, dropout=False)
    assert _distance(dict(one.named_parameters()), dict(other.named_parameters())) > 1000 * TOLERANCE


def test_the_script_repeats_itself_and_its_schedule_ends_at_zero():
    torch.manual_seed(0)
    shares = [classify.learning_rate_share(step, 100) for step in range(100)]
    assert max(shares) == shares[6] == 1.0
    assert 0 < shares[0] < shares[3] < shares[6] > shares[50] > shares[99] > 0
    assert classify.learning_rate_share(100, 100) == 0
