"""Computed once or at every step: the same losses and the same weights, whatever else happens to the run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from afina.base import environment
from afina.engine.contract import Judgement
from afina.engine.loop import weights_held_in
from afina.run import shipping
from tests import tiny
from tests.invariant import cached
from tests.invariant.test_resume import Cut, Killer

ROOT = Path(__file__).parents[2]
LAUNCH = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
TUNINGS = {
    "head": ("head", {}),
    "last-blocks": cached.LAST,
    "full": ("full", {"freeze_blocks": 1, "head_first_epochs": 0.0}),
    "full, head first": ("full", {"freeze_blocks": 1, "head_first_epochs": 1.0}),
}
TOLERANCE = {"float64": 1e-12, "float32": 1e-7, "bfloat16": 3e-3}
"""Largest distance of the weights, relative to their length, after six steps at a learning rate of 1e-3; in bfloat16
what enters the lowest block that moves is rounded to eight bits once more."""
CASES = [
    *(
        (family, tuning, "float32")
        for family in ("bert", "distilbert", "roberta")
        for tuning in ("head", "last-blocks")
    ),
    *(("bert", tuning, precision) for tuning in TUNINGS for precision in ("float64", "bfloat16")),
]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")


@pytest.fixture(scope="module")
def bases(tiny_folder):
    return {tiny_folder(family).parent for family in ("bert", "distilbert", "roberta")}.pop()


def _both(bases, **options):
    return cached.fit(bases, is_cached=False, **options), cached.fit(bases, is_cached=True, **options)


def _learnt(weights):
    """Leave out biases of keys: they have a gradient of zero, whose rounding the optimiser blows up."""
    return {name: weight for name, weight in weights.items() if not name.endswith(tuple(shipping.INVARIANT))}


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize(("family", "tuning", "precision"), CASES)
def test_weights_and_losses_are_the_same(bases, family, tuning, pooling, precision):
    options = {"family": family, "tuning": TUNINGS[tuning], "pooling": pooling, "precision": precision}
    (plain, plain_losses), (kept, kept_losses) = _both(bases, dropout=0.1, **options)
    assert tiny.distance(_learnt(plain), _learnt(kept)) <= TOLERANCE[precision]
    assert kept_losses == pytest.approx(plain_losses, rel=10 * TOLERANCE[precision])
    assert len(set(plain_losses)) > 1


def test_features_are_exact_in_bfloat16_too(bases):
    for pooling in ("cls", "mean"):
        (plain, _), (kept, _) = _both(
            bases, family="bert", tuning=("head", {}), pooling=pooling, precision="bfloat16", dropout=0.1
        )
        assert tiny.distance(plain, kept) < 1e-6


@pytest.mark.parametrize("tuning", ["head", "last-blocks"])
def test_micro_batches_and_windows_change_nothing(bases, tuning):
    (plain, _), (kept, _) = _both(
        bases, family="bert", tuning=TUNINGS[tuning], pooling="mean", windows=3, micro_batch_size=3
    )
    assert tiny.distance(plain, kept) < 1e-12


@pytest.mark.parametrize("tuning", ["head", "full, head first"])
def test_a_run_cut_in_the_middle_ends_at_the_same_weights_bit_for_bit(bases, tmp_path, tuning):
    options = {"family": "bert", "tuning": TUNINGS[tuning], "pooling": "cls", "precision": "float32", "dropout": 0.2}
    options |= {"is_cached": True, "save_every_steps": 1}
    whole = _finished(bases, tmp_path / "whole", (), **options)
    cut = _finished(bases, tmp_path / "cut", (1, 4), **options)
    assert all(torch.equal(weight, cut[name]) for name, weight in whole.items())


def _finished(bases, run, kills, **options):
    for step in (*kills, None):
        callbacks = [Killer(step)] if step is not None else []
        loop = cached.loop(bases, run=run, callbacks=callbacks, **options)
        with weights_held_in(loop.material.forward):
            if step is None:
                loop.fit()
            else:
                with pytest.raises(Cut):
                    loop.fit()
    return tiny.weights(loop.model)


def test_judging_early_stop_and_the_best_weights_are_the_same(bases, tmp_path):
    ended = []
    for is_cached in (False, True):
        stop = tiny.technique("engine.callbacks", "early-stop", patience=1)
        loop = cached.loop(
            bases,
            family="bert",
            tuning=cached.LAST,
            pooling="mean",
            is_cached=is_cached,
            run=tmp_path / str(is_cached),
            callbacks=[stop],
            judge=_judge,
            evaluate_every_steps=1,
            num_steps=12,
            learning_rate=3e-2,
        )
        progress = loop.fit()
        ended.append((progress.step, progress.best_step, round(progress.best_loss, 9), tiny.weights(loop.model)))
    assert ended[0][:3] == ended[1][:3]
    assert ended[0][0] < 12, "nothing was stopped"
    assert tiny.distance(ended[0][3], ended[1][3]) < 1e-12


def _judge(forward):
    """Judge rows that are trained on, through what is kept of them where there is anything."""
    rows = tiny.rows(21, "mean")[:9]

    def judge():
        kept = rows if forward.prefix is None else forward.prefix.attach(rows)
        batch = forward.collate(kept, "class")
        assert (batch.cached is None) == (forward.prefix is None)
        with torch.no_grad():
            loss = float(torch.nn.functional.cross_entropy(forward(batch), batch.targets))
        return Judgement(loss, {"score": -loss}, -loss)

    return judge


@pytest.fixture(scope="module")
def ended(bases, tmp_path_factory):
    """What each of two processes ended at, case by case, over one cache that both filled."""
    out = tmp_path_factory.mktemp("cached")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "AFINA_CACHE": str(out / "cache")}
    script = str(ROOT / "tests" / "invariant" / "cached.py")
    result = subprocess.run(
        [sys.executable, *LAUNCH, script, str(bases), str(out)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return [torch.load(out / f"{rank}.pt", weights_only=False) for rank in (0, 1)], out / "cache"


@pytest.mark.parametrize("case", cached.CASES)
def test_two_processes_that_share_the_filling_end_where_one_without_a_cache_does(ended, bases, case):
    (first, second), _ = ended
    alone, losses = cached.fit(bases, is_cached=False, **cached.CASES[case])
    weights, their_losses = first[case]
    assert all(torch.equal(weight, second[case][0][name]) for name, weight in weights.items())
    assert tiny.distance(alone, weights) < 1e-12
    assert their_losses == pytest.approx(losses, rel=1e-9)


def test_both_processes_wrote(ended):
    _, folder = ended
    pieces = [len(list(key.glob("*.safetensors"))) for key in (folder / "prefix").iterdir()]
    assert set(pieces) == {2}
    assert np.sum(pieces) >= 2 * 3


def test_why_another_process_could_not_keep_it_is_told_by_all(ended):
    for rank in (0, 1):
        warnings, goes_on = json.loads((ended[1].parent / f"{rank}.json").read_text("utf-8"))
        assert goes_on
        assert len(warnings) == 1
        assert "The disk is full" in warnings[0]
