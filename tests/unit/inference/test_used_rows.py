"""Training on a cut-down embedding is training on the whole one, and leaves the whole one behind."""

import numpy as np
import pytest
import torch

from afina.engine.loop import Loop
from afina.inference.used_rows import UsedRows, occurring, used_rows
from afina.tuning import bias
from tests import tiny


def _loop(folder, optimizer="adamw"):
    model = tiny.load(folder, "mean")
    rows = tiny.rows(8, "mean")
    # As in a run, the model is tuned and made ready before anything is cut.
    ready = tiny.loop(model, rows, optimizer=(optimizer, {}))
    return model, rows, lambda: Loop(ready.material, ready.settings, [], ready.processes, None)


def _trained(folder, cut, optimizer="adamw"):
    model, rows, make = _loop(folder, optimizer)
    used = occurring([rows], also=[0]) if cut else None
    with used_rows(model, used) as was_cut:
        loop = make()
        loop.fit()
        held = sum(tensor.numel() for tensor in loop.components()["optimizer"].tensors.values())
    assert was_cut is cut
    return {name: weight.clone() for name, weight in model.named_parameters()}, held


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_cut_and_whole_end_at_the_same_weights(tiny_folder, optimizer):
    folder = tiny_folder("bert")
    whole, held_whole = _trained(folder, cut=False, optimizer=optimizer)
    cut, held_cut = _trained(folder, cut=True, optimizer=optimizer)
    assert whole.keys() == cut.keys()
    assert all(torch.allclose(whole[name], cut[name], rtol=0, atol=1e-6) for name in whole)
    assert held_cut < held_whole


def test_rows_that_do_not_occur_stay_bit_for_bit(tiny_folder):
    model, rows, make = _loop(tiny_folder("bert"))
    name = "network.embeddings.word_embeddings.weight"
    before = dict(model.named_parameters())[name].detach().clone()
    used = occurring([rows], also=[0])
    with used_rows(model, used):
        make().fit()
    after = dict(model.named_parameters())[name]
    others = np.setdiff1d(np.arange(len(before)), used)
    assert len(others)
    assert torch.equal(before[others], after[others])
    assert not torch.equal(before[used], after[used])


def test_an_error_inside_leaves_the_whole_embedding(tiny_folder):
    model, rows, _ = _loop(tiny_folder("bert"))
    context = used_rows(model, occurring([rows], also=[0]))
    assert context.__enter__()
    assert isinstance(model.encoder.get_input_embeddings(), UsedRows)
    assert not context.__exit__(RuntimeError, RuntimeError("stop"), None)
    assert isinstance(model.encoder.get_input_embeddings(), torch.nn.Embedding)


def test_a_frozen_embedding_is_not_cut(tiny_folder):
    model, rows, _ = _loop(tiny_folder("bert"))
    bias.build(bias.Config()).apply(model)
    with used_rows(model, occurring([rows], also=[0])) as was_cut:
        assert not was_cut


def test_nothing_is_cut_where_nearly_all_is_used(tiny_folder):
    model, *_ = _loop(tiny_folder("bert"))
    every = np.arange(model.encoder.get_input_embeddings().num_embeddings)
    with used_rows(model, every) as was_cut:
        assert not was_cut
