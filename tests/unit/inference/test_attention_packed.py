"""Attention over a pack: gradient, dropout, kernels by length, and agreement with torch's own kernel."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers.masking_utils import (
    bidirectional_mask_function,
    causal_mask_function,
    sliding_window_causal_mask_function,
)

from afina.base.types import Layout, Segments
from afina.data import batching
from afina.inference import attention_runs
from afina.inference.attention_packed import attend_packed
from afina.inference.attention_runs import Pattern

LAYOUT = Layout(4096, 0, takes_segments=True, wants_packs=True)
PATTERNS = {
    "both ways": bidirectional_mask_function,
    "forwards": causal_mask_function,
    "window": sliding_window_causal_mask_function(3),
}


def _row(number, *lengths, prefix=0, graded=None):
    documents = tuple(np.ones(length, dtype=np.int32) for length in lengths)
    return Segments(number, documents, graded=graded, prefix=np.ones(prefix, dtype=np.int32) if prefix else None)


def _batch(*rows):
    return batching.collate(list(rows), LAYOUT, "class")


def _tensors(batch, heads=4, key_heads=2, dtype=torch.float64):
    draw = torch.Generator().manual_seed(0)
    tokens = batch.packing.num_tokens
    shapes = [(1, count, tokens, 3) for count in (heads, key_heads, key_heads)]
    return [torch.randn(shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes]


def _pattern(batch, name="both ways"):
    graded = None if batch.graded is None else batch.graded[0].numpy()
    return Pattern(batch.packing, graded, PATTERNS[name])


def _reference(tensors, batch, name, scale=0.5):
    """Return torch's own attention under a mask over the whole pack."""
    query, key, value = tensors
    packing, tokens = batch.packing, batch.packing.num_tokens
    stretch = torch.from_numpy(np.repeat(np.arange(len(packing.starts)), packing.lengths))
    before = torch.from_numpy(packing.prefixes)[stretch]
    same = (stretch[:, None] == stretch[None]) | (before[:, None] == stretch[None])
    positions = packing.position_ids[0]
    zero = torch.zeros(1, 1, dtype=torch.int64)
    sees = PATTERNS[name](zero, zero, positions[:, None], positions[None, :]).expand(tokens, tokens)
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=same & sees, scale=scale).transpose(
        1, 2
    )


def _assert_same(ours, theirs, tensors):
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    weights = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(1), dtype=theirs.dtype)
    mine = torch.autograd.grad((ours * weights).sum(), tensors)
    reference = torch.autograd.grad((theirs * weights).sum(), tensors)
    for one, other in zip(mine, reference, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("name", PATTERNS)
def test_it_is_torchs_attention_within_each_document(name, key_heads):
    batch = _batch(_row(0, 5), _row(1, 2), _row(2, 5, 1), _row(3, 9))
    tensors = _tensors(batch, key_heads=key_heads)
    ours = attend_packed(*tensors, _pattern(batch, name), 0.0, 0.5)
    _assert_same(ours, _reference(tensors, batch, name), tensors)


@pytest.mark.parametrize("name", ["forwards", "window"])
def test_continuations_see_their_prefix_and_not_each_other(name):
    batch = _batch(_row(0, 4, 2, 4, prefix=5), _row(1, 3, prefix=1), _row(2, 6))
    tensors = _tensors(batch)
    ours = attend_packed(*tensors, _pattern(batch, name), 0.0, 0.5)
    _assert_same(ours, _reference(tensors, batch, name), tensors)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("prefix", [0, 70])
def test_long_documents_are_computed_piece_by_piece(name, prefix, monkeypatch):
    monkeypatch.setattr(attention_runs, "LONGEST_KEPT", 20)
    monkeypatch.setattr(attention_runs, "QUERIES_AT_ONCE", 8)
    if name == "both ways" and prefix:
        pytest.skip("a prefix is shared only where positions do not see what comes after them")
    batch = _batch(_row(0, 30, 41, prefix=prefix), _row(1, 5), _row(2, 50))
    tensors = _tensors(batch)
    pattern = _pattern(batch, name)
    runs = pattern.runs(batch.packing.num_tokens)
    assert [run.is_kept for run in runs].count(True) == 1
    if name == "window":
        # Nobody looks further back than the window, so no further keys are computed.
        assert max(run.num_keys for run in runs) == 8 + 2
    ours = attend_packed(*tensors, pattern, 0.0, 0.5)
    _assert_same(ours, _reference(tensors, batch, name), tensors)


@pytest.mark.parametrize("name", PATTERNS)
def test_graded_queries_are_those_of_all_positions(name):
    each = (np.asarray([0, 3]), np.asarray([1]))
    prefix = 0 if name == "both ways" else 3
    batch = _batch(_row(0, 5, 2, graded=each, prefix=prefix), _row(1, 5, graded=(4,)), _row(2, 5, graded=(0,)))
    query, key, value = _tensors(batch)
    pattern = _pattern(batch, name)
    places = batch.graded[0]
    whole = attend_packed(query, key, value, pattern, 0.0, 0.5)[:, places]
    # Keys beyond the pack, filled in so that they fold, are not looked at.
    beyond = [functional.pad(tensor, (0, 0, 0, 2), value=100.0) for tensor in (key, value)]
    cut = attend_packed(query[:, :, places], *beyond, pattern, 0.0, 0.5)
    _assert_same(cut, whole, (query, key, value))


@pytest.mark.parametrize("longest_kept", [100, 4])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_its_gradient_is_that_of_finite_differences(dropout, longest_kept, monkeypatch):
    monkeypatch.setattr(attention_runs, "LONGEST_KEPT", longest_kept)
    monkeypatch.setattr(attention_runs, "QUERIES_AT_ONCE", 2)
    batch = _batch(_row(0, 3), _row(1, 3), _row(2, 5))
    tensors = _tensors(batch, 2, 1)

    def attend(*inputs):
        torch.manual_seed(3)  # The same activations are dropped each time.
        return attend_packed(*inputs, _pattern(batch, "forwards"), dropout, 0.5)

    assert torch.autograd.gradcheck(attend, tensors)


def test_dropout_keeps_the_expectation():
    torch.manual_seed(0)
    batch = _batch(_row(0, 4), _row(1, 4), _row(2, 2))
    tensors = _tensors(batch, dtype=torch.float32)
    with torch.no_grad():
        plain = attend_packed(*tensors, _pattern(batch), 0.0, 0.5)
        draws = [attend_packed(*tensors, _pattern(batch), 0.3, 0.5) for _ in range(3000)]
    assert not torch.equal(draws[0], draws[1])
    torch.testing.assert_close(torch.stack(draws).mean(0), plain, rtol=0, atol=0.07)


def test_bfloat16_is_near_and_short_documents_alone_are_nearer():
    batch = _batch(_row(0, 40), _row(1, 70), _row(2, 30), _row(3, 30))
    exact = _tensors(batch, dtype=torch.float64)
    rounded = [tensor.detach().bfloat16().requires_grad_() for tensor in exact]
    exact = [tensor.detach().double().requires_grad_() for tensor in rounded]
    for tensors in (exact, rounded):
        for tensor in tensors:
            tensor.grad = None
    ours = attend_packed(*rounded, _pattern(batch), 0.0, 0.5)
    theirs = attend_packed(*exact, _pattern(batch), 0.0, 0.5)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), theirs, rtol=0.02, atol=0.02)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    for one, other in zip(rounded, exact, strict=True):
        torch.testing.assert_close(one.grad.double(), other.grad, rtol=0.05, atol=0.05)


def test_documents_of_one_length_are_one_product():
    batch = _batch(_row(0, 5), _row(1, 2), _row(2, 5), _row(3, 5), _row(4, 2))
    runs = _pattern(batch).runs(19)
    assert [(run.count, run.num_keys, run.hidden) for run in runs] == [(3, 5, None), (2, 2, None)]


def test_other_queries_than_the_packs_are_refused():
    batch = _batch(_row(0, 5, graded=(0,)), _row(1, 2, graded=(0,)))
    pattern = _pattern(batch)
    with pytest.raises(NotImplementedError, match="3 positions"):
        pattern.runs(3)
    query, key, value = _tensors(batch)
    with pytest.raises(NotImplementedError, match="else than the pack"):
        attend_packed(query, key[:, :, :5], value[:, :, :5], pattern, 0.0, 0.5)
    two = [torch.cat([tensor, tensor]) for tensor in (query, key, value)]
    with pytest.raises(NotImplementedError, match="else than the pack"):
        attend_packed(*two, pattern, 0.0, 0.5)
