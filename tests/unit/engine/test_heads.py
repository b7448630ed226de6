"""Heads trained together end where the ordinary loop takes each alone."""

import numpy as np
import pytest
import torch

from afina.data import batching
from afina.engine.heads import Terms, Trial, fit_heads
from tests import tiny

WAYS = [
    {"seed": 0, "learning_rate": 1e-2, "weight_decay": 0.0, "epochs": 2.0},
    {"seed": 1, "learning_rate": 3e-2, "weight_decay": 0.1, "epochs": 3.0},
    {"seed": 5, "learning_rate": 1e-3, "weight_decay": 0.0, "epochs": 0.4},
    {"seed": 0, "learning_rate": 2e-1, "weight_decay": 0.5, "epochs": 2.7},
]
SIZES = (8, 5, 8, 21)
NUM_ROWS = 21


def _case(folder, problem, *, dropout=0.0, precision="float64", objective=None, limit=1.0, ways=WAYS):
    """Return what the ordinary loop makes of each trial's head, and what the trials together make of it."""
    rows = tiny.rows(NUM_ROWS, "mean", problem)
    alone, trials = [], []
    for way, size in zip(ways, SIZES[: len(ways)], strict=True):
        model = tiny.load(folder, "mean", problem, seed=way["seed"], dropout=dropout)
        loop = tiny.loop(
            model,
            rows,
            tuning=("head", {}),
            optimizer=("adamw", {"weight_decay": way["weight_decay"]}),
            precision=precision,
            seed=way["seed"],
            global_batch_size=size,
            learning_rate=way["learning_rate"],
            num_steps=max(1, round(way["epochs"] * -(-NUM_ROWS // size))),
            max_gradient_norm=limit,
        )
        if objective is not None:
            object.__setattr__(loop.material, "objective", objective)
        loop.fit()
        alone.append((model.head.linear.weight.detach(), model.head.linear.bias.detach()))
        trials.append(Trial(**way, plan=loop.material.plan))
    batch = tiny.batch(model, rows)
    with torch.no_grad():
        features = model.eval().features(batch)
    terms = Terms(
        num_outputs=len(model.spec.labels),
        target_kind=tiny.kind_of(problem),
        objective=objective or tiny.technique("objectives", "supervised"),
        schedule=tiny.technique("engine.schedules", "linear"),
        dropout=dropout,
        max_gradient_norm=limit,
    )
    return alone, fit_heads(features, batch.targets, trials, terms)


def _assert_same(alone, together, tolerance):
    for (weight, bias), head in zip(alone, together, strict=True):
        assert head.diverged_at is None
        wanted, found = (torch.cat([one.flatten(), other]) for one, other in ((weight, bias), (head.weight, head.bias)))
        assert float((found - wanted).norm() / wanted.norm()) <= tolerance


@pytest.mark.parametrize(
    ("problem", "dropout"), [("single", 0.0), ("single", 0.3), ("multi", 0.3), ("regression", 0.3)]
)
def test_in_float64_each_head_ends_where_a_run_of_its_own_does(tiny_folder, problem, dropout):
    _assert_same(*_case(tiny_folder("bert"), problem, dropout=dropout), 1e-12)


@pytest.mark.parametrize("problem", ["single", "multi", "regression"])
def test_in_float32_too(tiny_folder, problem):
    _assert_same(*_case(tiny_folder("bert"), problem, precision="float32", dropout=0.1), 1e-6)


@pytest.mark.parametrize("limit", [None, 1e-3])
def test_each_gradient_is_clipped_by_its_own_length(tiny_folder, limit):
    _assert_same(*_case(tiny_folder("bert"), "single", limit=limit), 1e-12)


def test_an_objective_with_options_of_its_own(tiny_folder):
    objective = tiny.technique("objectives", "supervised", label_smoothing=0.1, focal_gamma=2.0)
    _assert_same(*_case(tiny_folder("bert"), "single", objective=objective), 1e-12)


def test_a_trial_does_not_know_of_the_others(tiny_folder):
    folder = tiny_folder("bert")
    _, together = _case(folder, "single", dropout=0.3)
    _, single = _case(folder, "single", dropout=0.3, ways=WAYS[:1])
    torch.testing.assert_close(together[0].weight, single[0].weight, rtol=1e-13, atol=1e-15)


def _wild(rate):
    features, targets = torch.randn(8, 4, dtype=torch.float64), torch.arange(8) % 2
    features[:, 0] *= 1e300
    plan = batching.Plan(np.full(8, 3), 4, 0)
    value = {"target_kind": "value", "num_outputs": 1, "objective": tiny.technique("objectives", "supervised")}
    terms = Terms(**value, schedule=tiny.technique("engine.schedules", "constant"))
    trials = [Trial(0, rate, 0.0, 2.0, plan), Trial(1, 0.1, 0.0, 2.0, plan)]
    return features, targets.double(), trials, terms


def test_a_trial_that_diverges_says_when_and_keeps_finite_weights():
    features, targets, trials, terms = _wild(0.1)
    heads = fit_heads(features, targets, trials, terms)
    assert [head.diverged_at for head in heads] == [1, 1]
    assert all(bool(head.weight.isfinite().all()) for head in heads)


def test_one_that_diverges_leaves_the_others_alone():
    _, targets, trials, terms = _wild(0.1)
    features = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wild = Trial(2, 1e300, 0.0, 2.0, trials[1].plan)
    alone = fit_heads(features, targets, trials[1:], terms)[0]
    beside = fit_heads(features, targets, [wild, trials[1]], terms)
    assert beside[0].diverged_at is not None
    assert bool(beside[0].weight.isfinite().all())
    torch.testing.assert_close(beside[1].weight, alone.weight, rtol=1e-13, atol=0)


def test_training_draws_no_random_number_of_torch(tiny_folder):
    features, targets, trials, terms = _wild(0.1)
    before = torch.get_rng_state()
    fit_heads(features, targets, trials, terms)
    assert torch.equal(before, torch.get_rng_state())
