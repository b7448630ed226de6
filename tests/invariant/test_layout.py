"""Padded or packed: the same losses and the same weights over a whole run, in one process or by small micro-batches."""

import pytest
import torch

from afina.data import batching
from afina.engine.contract import Callback
from tests import tiny


class Losses(Callback):
    """Keeps every step's loss."""

    def __init__(self):
        self.seen = []

    def on_step_done(self, progress):
        self.seen.append(progress.loss)


def _run(folder, layout, pooling, precision, micro_batch_size=8, **options):
    model = tiny.load(folder, pooling)
    rows = tiny.rows(42, pooling, longest=24, windows=2)
    losses = Losses()
    loop = tiny.loop(
        model, rows, precision=precision, callbacks=[losses], layout=layout, micro_batch_size=micro_batch_size, **options
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
