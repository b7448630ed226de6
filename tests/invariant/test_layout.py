"""Padded or packed: the same losses and the same weights over a whole run, in one process or by small micro-batches."""

import pytest
import torch

from afina.base import environment
from afina.data import batching
from afina.inference.checkpointing import recomputed
from tests import tiny
from tests.invariant import cached


class Losses:
    """Keeps every step's loss."""

    priority = 0

    def __init__(self):
        self.seen = []

    def step_done(self, progress):
        self.seen.append(progress.loss)

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _run(folder, layout, pooling, precision, micro_batch_size=8, **options):
    model = tiny.load(folder, pooling)
    rows = tiny.rows(42, pooling, longest=24, windows=2)
    losses = Losses()
    loop = tiny.loop(
        model,
        rows,
        precision=precision,
        callbacks=[losses],
        layout=layout,
        micro_batch_size=micro_batch_size,
        **options,
    )
    loop.fit()
    assert model.layout.is_packed is (layout == "packed")
    return losses.seen, tiny.weights(model)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_packed_and_padded_learn_the_same(tiny_folder, family, pooling):
    padded, weights = _run(tiny_folder(family), "padded", pooling, "float32", optimizer=("sgd", {}))
    packed, found = _run(tiny_folder(family), "packed", pooling, "float32", optimizer=("sgd", {}))
    assert len(padded) == 12
    assert packed == pytest.approx(padded, rel=1e-6)
    assert tiny.distance(weights, found) < 1e-6


@pytest.mark.parametrize("micro_batch_size", [8, 3])
def test_and_exactly_so_in_double_precision(tiny_folder, micro_batch_size):
    padded, weights = _run(tiny_folder("bert"), "padded", "cls", "float64")
    packed, found = _run(tiny_folder("bert"), "packed", "cls", "float64", micro_batch_size)
    assert packed == pytest.approx(padded, rel=1e-11)
    assert tiny.distance(weights, found) < 1e-9


def test_a_packed_step_is_cut_by_tokens(tiny_folder, monkeypatch):
    seen = []
    collate = batching.collate

    def noting(segments, layout, kind):
        batch = collate(segments, layout, kind)
        seen.append((len(batch), batch.input_ids.shape[1], max(segment.num_tokens for segment in segments)))
        return batch

    model = tiny.load(tiny_folder("bert"))
    loop = tiny.loop(model, tiny.rows(32, longest=30), layout="packed", micro_batch_size=4, num_steps=2)
    monkeypatch.setattr(batching, "collate", noting)
    loop.fit()
    assert sum(rows for rows, _, _ in seen) == 16
    assert all(tokens <= 4 * 29 for _, tokens, _ in seen)
    assert torch.isfinite(torch.tensor(loop.progress.loss))


@pytest.mark.parametrize("case", ["head, mean, windows", "last block", "frozen below, an empty share"])
def test_packing_and_a_frozen_part_computed_once_go_together(tiny_folder, tmp_path, monkeypatch, case):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")
    options = cached.CASES[case]
    folder = tiny_folder(options["family"]).parent
    plain, losses = cached.fit(folder, is_cached=False, layout="padded", **options)
    for is_cached in (False, True):
        found, seen = cached.fit(folder, is_cached=is_cached, layout="packed", **options)
        assert seen == pytest.approx(losses, rel=1e-9)
        assert tiny.distance(plain, found) < 1e-7


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_packing_and_computing_again_go_together(tiny_folder, pooling):
    weights = []
    for layout, setting in (("padded", "off"), ("packed", "on")):
        model = tiny.load(tiny_folder("bert"), pooling)
        loop = tiny.loop(model, tiny.rows(24, pooling, longest=24), layout=layout)
        with recomputed(model, setting):
            loop.fit()
        weights.append(tiny.weights(model))
    assert tiny.distance(*weights) < 1e-9
