"""A run cut anywhere and gone on with ends at the same weights, bit for bit."""

import pytest
import torch

from afina.base.errors import AfinaError
from afina.engine import checkpoint
from afina.engine.contract import Judgement
from afina.engine.loop import COMPONENTS
from tests import tiny

CASES = {
    "plain": {},
    "mean": {"pooling": "mean"},
    "stages": {"tuning": ("full", {"head_first_epochs": 1.0})},
    "short stage": {"tuning": ("full", {"head_first_epochs": 0.7})},
    "thawing": {"tuning": ("full", {"gradual_unfreezing": 0.7, "layer_decay": 0.9})},
    "l2-sp": {"retention": ("l2-sp", {})},
    "sgd": {"optimizer": ("sgd", {})},
    "adafactor": {"optimizer": ("adafactor", {})},
    "muon": {"optimizer": ("muon", {})},
    "cosine": {"schedule": ("cosine", {})},
    "last-blocks": {"tuning": ("last-blocks", {"num_blocks": 1})},
    "accumulated": {"micro_batch_size": 3},
    "adapter": {"tuning": ("adapter", {"reduction_factor": 4})},
    "prompt": {"tuning": ("prompt", {"num_virtual_tokens": 3}), "pooling": "mean"},
}
NUM_STEPS = 8
"""Over three epochs of three steps: the third is cut short."""


class Cut(Exception):
    """The moment at which a run is killed."""


class Killer:
    """Ends a run in the middle of a step, after the gradients and before the weights."""

    priority = 0

    def __init__(self, step):
        self.step = step

    def backward_done(self, progress):
        if progress.step == self.step:
            raise Cut

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _judge(forward):
    def judge():
        with torch.no_grad():
            total = float(sum(parameter.double().sum() for parameter in forward.model.parameters()))
        return Judgement(1.0, {"score": total % 1}, total % 1)

    return judge


def _loop(folder, run, *, kill_at=None, pooling="cls", dropout=0.2, **options):
    model = tiny.load(folder, pooling, dropout=dropout)
    usual = {
        "micro_batch_size": 8,
        "precision": "float32",
        "save_every_steps": 1,
        "num_steps": NUM_STEPS,
        "learning_rate": 1e-2,
        "evaluate_every_steps": 2,
        "judge": _judge,
    }
    callbacks = [
        tiny.technique("engine.callbacks", "early-stop", patience=100),
        tiny.technique("engine.callbacks", "divergence"),
    ]
    if kill_at is not None:
        callbacks.append(Killer(kill_at))
    loop = tiny.loop(model, tiny.rows(21, pooling), callbacks=callbacks, folder=run, **{**usual, **options})
    found, _ = checkpoint.newest(run, COMPONENTS)
    if found is not None:
        loop.restore(found.read())
    return loop


def _finished(folder, run, kills=(), **options):
    for step in kills:
        with pytest.raises(Cut):
            _loop(folder, run, kill_at=step, **options).fit()
    loop = _loop(folder, run, **options)
    loop.fit()
    return loop


def _assert_same(one, other):
    mine, theirs = tiny.weights(one.model), tiny.weights(other.model)
    assert [name for name in mine if not torch.equal(mine[name], theirs[name])] == []
    assert vars(one.progress) == vars(other.progress)
    assert one.gradient_seen == other.gradient_seen


@pytest.mark.parametrize("case", CASES)
def test_a_run_cut_in_the_middle_twice_ends_at_the_same_weights(tiny_folder, tmp_path, case):
    options = CASES[case]
    whole = _finished(tiny_folder("bert"), tmp_path / "whole", **options)
    cut = _finished(tiny_folder("bert"), tmp_path / "cut", kills=(2, 4), **options)
    _assert_same(whole, cut)
    saved = [checkpoint.at(tmp_path / name, NUM_STEPS).read() for name in ("whole", "cut")]
    assert saved[0]["callbacks"].values == saved[1]["callbacks"].values
    assert saved[0]["loop"].values == saved[1]["loop"].values


@pytest.mark.parametrize(
    ("case", "kill_at"),
    # In the middle of each of the three stages, and where one ends and the next begins.
    [*(("stages", step) for step in range(NUM_STEPS)), *(("thawing", step) for step in (1, 2, 3, 4, 6))],
)
def test_any_step_may_be_the_one(tiny_folder, tmp_path, case, kill_at):
    options = CASES[case]
    whole = _finished(tiny_folder("bert"), tmp_path / "whole", **options)
    cut = _finished(tiny_folder("bert"), tmp_path / "cut", kills=(kill_at,), **options)
    _assert_same(whole, cut)


def test_steps_since_the_last_checkpoint_are_done_again(tiny_folder, tmp_path):
    options = {"save_every_steps": 3, "evaluate_every_steps": 100}
    whole = _finished(tiny_folder("bert"), tmp_path / "whole", **options)
    cut = _finished(tiny_folder("bert"), tmp_path / "cut", kills=(1, 5, 7), **options)
    _assert_same(whole, cut)


def test_the_best_weights_are_kept_and_found_again_after_a_kill(tiny_folder, tmp_path):
    whole = _finished(tiny_folder("bert"), tmp_path / "whole")
    best = whole.progress.best_step
    saved = checkpoint.at(tmp_path / "whole", best).read()["model"].tensors
    assert all(torch.equal(saved[name], weight) for name, weight in tiny.weights(whole.model).items() if name in saved)
    assert best == _finished(tiny_folder("bert"), tmp_path / "cut", kills=(7,)).progress.best_step


def test_a_finished_run_does_nothing_more(tiny_folder, tmp_path):
    first = _finished(tiny_folder("bert"), tmp_path)
    again = _finished(tiny_folder("bert"), tmp_path)
    assert again.progress.step == NUM_STEPS
    theirs = tiny.weights(again.model)
    assert all(torch.equal(weight, theirs[name]) for name, weight in tiny.weights(first.model).items())


@pytest.mark.parametrize("component", ["model", "optimizer", "schedule", "rng", "source", "loop"])
def test_a_checkpoint_without_one_of_its_parts_is_passed_over(tiny_folder, tmp_path, component):
    _finished(tiny_folder("bert"), tmp_path / "run", kills=())
    whole = checkpoint.at(tmp_path / "run", NUM_STEPS).read()
    del whole[component]
    checkpoint.save(tmp_path / "less", NUM_STEPS, whole)
    found, problems = checkpoint.newest(tmp_path / "less", COMPONENTS)
    assert found is None
    assert component in str(problems[0])


@pytest.mark.parametrize("component", ["optimizer", "rng", "source", "schedule"])
def test_a_part_that_was_lost_would_have_been_noticed(tiny_folder, tmp_path, component):
    whole = _finished(tiny_folder("bert"), tmp_path / "whole")
    with pytest.raises(Cut):
        _loop(tiny_folder("bert"), tmp_path / "cut", kill_at=4).fit()
    parts = checkpoint.at(tmp_path / "cut", 4).read()
    fresh = _loop(tiny_folder("bert"), tmp_path / "none").components()
    loop = _loop(tiny_folder("bert"), tmp_path / "other")
    loop.restore({**parts, component: fresh[component]})
    try:
        loop.fit()
    except AfinaError:
        return
    mine, theirs = tiny.weights(whole.model), tiny.weights(loop.model)
    assert any(not torch.equal(mine[name], theirs[name]) for name in mine)
