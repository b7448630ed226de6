"""The planner: every row once an epoch, from seed and epoch alone, in shares that are whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afina.base.types import Layout, Segments
from afina.data import batching
from afina.data.batching.plan import JITTER

lengths = st.lists(st.integers(1, 200), min_size=1, max_size=120).map(np.asarray)
sizes = st.integers(1, 40)
quick = settings(max_examples=80, deadline=None)
LAYOUT = Layout(max_tokens=64, pad_token_id=9, takes_token_types=True)


@given(lengths, sizes, st.integers(0, 2**32 - 1), st.integers(0, 50))
@quick
def test_every_row_comes_once_an_epoch(rows, size, seed, epoch):
    plan = batching.Plan(rows, size, seed)
    steps = plan.epoch(epoch)
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(rows)))
    assert len(steps) == plan.steps_per_epoch
    counts = sorted(len(step) for step in steps)
    assert counts[1:] == [size] * (len(steps) - 1)
    assert 1 <= counts[0] <= size


@given(lengths, sizes, st.integers(0, 2**32 - 1), st.integers(0, 50))
@quick
def test_a_plan_depends_on_seed_and_epoch_alone(rows, size, seed, epoch):
    one, other = batching.Plan(rows, size, seed), batching.Plan(rows.copy(), size, seed)
    other.epoch(epoch + 1)
    np.random.random()
    torch.rand(1)
    assert [step.tolist() for step in one.epoch(epoch)] == [step.tolist() for step in other.epoch(epoch)]


def test_epochs_and_seeds_differ():
    rows = np.random.default_rng(0).integers(1, 100, 200)
    orders = {
        tuple(np.concatenate(batching.Plan(rows, 8, seed).epoch(epoch))) for seed in range(3) for epoch in range(3)
    }
    assert len(orders) == 9


def test_rows_of_like_length_go_together_and_short_batches_come_anywhere():
    rows = np.random.default_rng(0).integers(1, 200, 405)
    plan = batching.Plan(rows, 8, 0)
    padded = sum(len(step) * rows[step].max() for epoch in range(3) for step in plan.epoch(epoch))
    assert 0 < JITTER < 0.5
    assert padded < 1.2 * 3 * rows.sum()
    shuffled = np.random.default_rng(0).permutation(rows)
    assert padded < 0.75 * 3 * sum(len(part) * part.max() for part in np.array_split(shuffled, 51))
    rests = {int(rows[step].max()) for epoch in range(30) for step in plan.epoch(epoch) if len(step) < 8}
    assert len(rests) > 10


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 5))
@quick
def test_micro_batches_divide_a_step_among_processes(num_rows, size, world_size):
    rows = np.random.default_rng(num_rows).permutation(1000)[:num_rows]
    shares = [list(batching.micro_batches(rows, size, rank, world_size)) for rank in range(world_size)]
    assert len({len(own) for own in shares}) == 1
    assert all(len(share) <= size for own in shares for share in own)
    assert sorted(np.concatenate([share for own in shares for share in own])) == sorted(rows)


@given(lengths, sizes)
@quick
def test_in_order_reads_every_row_once_longest_first(rows, size):
    batches = batching.in_order(rows, size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(rows)))
    assert all(len(batch) <= size for batch in batches)
    read = rows[np.concatenate(batches)]
    assert read.tolist() == sorted(rows.tolist(), reverse=True)


documents = st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=12), min_size=1, max_size=3)


@given(st.lists(documents, min_size=1, max_size=6), st.booleans())
@quick
def test_laying_out_loses_no_token(rows, graded):
    segments = [
        Segments(
            number,
            tuple(np.asarray(document, dtype=np.int32) for document in own),
            token_types=tuple(np.ones(len(document), dtype=np.int32) for document in own),
            graded=(0,) if graded else None,
            target=number,
        )
        for number, own in enumerate(rows)
    ]
    batch = batching.collate(segments, LAYOUT, "class")
    flat = [document for own in rows for document in own]
    assert [ids[mask].tolist() for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True)] == flat
    assert (batch.input_ids[~batch.attention_mask] == LAYOUT.pad_token_id).all()
    assert (batch.token_type_ids.bool() == batch.attention_mask).all()
    assert batch.input_ids.shape[1] == max(map(len, flat))
    assert batch.targets.tolist() == batch.rows.tolist() == list(range(len(rows)))
    owners = [number for number, own in enumerate(rows) for _ in own]
    assert (batch.owner is None) == (len(flat) == len(rows))
    assert batch.owner is None or batch.owner.tolist() == owners
    assert (batch.graded is None) is not graded
    assert batch.graded is None or batch.graded.tolist() == [[0]] * len(flat)


@pytest.mark.parametrize(
    ("target", "kind", "dtype"),
    [(1, "class", torch.int64), (0.5, "value", torch.float32), (np.asarray([1.0, 0.0]), "multi_hot", torch.float32)],
)
def test_targets_have_the_type_that_losses_want(target, kind, dtype):
    row = Segments(0, (np.asarray([1], dtype=np.int32),), target=target)
    assert batching.collate([row, row], LAYOUT, kind).targets.dtype == dtype
    bare = Segments(0, (np.asarray([1], dtype=np.int32),))
    assert batching.collate([row, bare], LAYOUT, kind).targets is None
