"""Packs: every row once, none over the budget, none cut, from seed and epoch alone; and nothing lost in laying out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from afina.base.errors import DataError
from afina.base.types import Layout, Segments
from afina.data import batching
from afina.data.batching.collate import collate
from afina.data.batching.packed import pack
from afina.data.batching.packs import TokenPlan, best_fit

quick = settings(max_examples=80, deadline=None)
sizes = st.lists(st.integers(1, 50), min_size=1, max_size=120).map(np.asarray)
budgets = st.integers(50, 200)
seeds = st.integers(0, 2**32 - 1)
PACKED = Layout(64, 9, takes_token_types=True, takes_segments=True, wants_packs=True)
PADDED = Layout(64, 9, takes_token_types=True)


@given(sizes, budgets)
@quick
def test_best_fit_packs_every_row_once_within_the_budget(rows, budget):
    packs = best_fit(rows, budget)
    assert sorted(np.concatenate(packs).tolist()) == list(range(len(rows)))
    assert all(rows[pack].sum() <= budget for pack in packs)
    # Two packs that fit into one would have been one: hardly any is emptier than half.
    assert sum(2 * rows[pack].sum() <= budget for pack in packs) <= 1


def test_best_fit_takes_the_room_that_is_left_least():
    packs = [sorted(pack.tolist()) for pack in best_fit(np.asarray([6, 5, 3, 4, 2]), 10)]
    assert sorted(packs) == [[0, 3], [1, 2, 4]]


@pytest.mark.parametrize("make", [best_fit, lambda rows, budget: TokenPlan(rows, budget, 1, 0)])
def test_a_row_longer_than_the_budget_is_refused_not_cut(make):
    with pytest.raises(DataError) as error:
        make(np.asarray([3, 11, 4]), 10)
    assert error.value.code == "E-DATA-040"
    assert "11" in str(error.value)


@given(sizes, budgets, st.integers(1, 5), seeds, st.integers(0, 50))
@quick
def test_a_token_plan_packs_every_row_once_an_epoch(rows, budget, packs_per_step, seed, epoch):
    plan = TokenPlan(rows, budget, packs_per_step, seed)
    steps = plan.epoch(epoch)
    packs = [pack for step in steps for pack in step]
    assert sorted(np.concatenate(packs).tolist()) == list(range(len(rows)))
    assert all(rows[pack].sum() <= budget for pack in packs)
    assert len(packs) == plan.num_packs
    assert len(steps) == plan.steps_per_epoch
    assert [len(step) for step in steps[:-1]] == [packs_per_step] * (len(steps) - 1)


@given(sizes, budgets, seeds, st.integers(0, 50))
@quick
def test_a_token_plan_depends_on_seed_and_epoch_alone(rows, budget, seed, epoch):
    one, other = (TokenPlan(rows.copy(), budget, 2, seed) for _ in range(2))
    other.epoch(epoch + 1)
    np.random.random()
    told = [[[pack.tolist() for pack in step] for step in plan.epoch(epoch)] for plan in (one, other)]
    assert told[0] == told[1]


def test_a_token_plan_differs_by_epoch_and_seed_and_leaves_little_room():
    rows = np.random.default_rng(0).integers(5, 300, 400)
    plans = [TokenPlan(rows, 1024, 1, seed) for seed in range(2)]
    orders = {tuple(np.concatenate(sum(plan.epoch(epoch), []))) for plan in plans for epoch in range(3)}
    assert len(orders) == 6
    assert rows.sum() > 0.98 * 1024 * (plans[0].num_packs - 1)


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=20),
    st.integers(1, 6),
    st.integers(1, 4),
    st.booleans(),
)
@quick
def test_portions_divide_a_step_among_processes(lengths, size, world_size, packed):
    segments = [
        Segments(row, tuple(np.ones(n, dtype=np.int32) for n in own)) for row, own in enumerate([*lengths, [99]])
    ]
    rows = np.random.default_rng(0).permutation(len(lengths))
    layout = PACKED if packed else PADDED
    shares = [batching.portions(rows, segments, layout, size, rank, world_size) for rank in range(world_size)]
    assert len({len(own) for own in shares}) == 1
    assert sorted(np.concatenate([share for own in shares for share in own])) == sorted(rows)
    most = max(segments[row].num_tokens for row in rows)
    for share in (share for own in shares for share in own):
        assert packed or len(share) <= size
        assert not packed or sum(segments[row].num_tokens for row in share) <= size * most


graded = st.sampled_from(["all", "first", "each"])
documents = st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=12), min_size=1, max_size=3)
rows_of = st.lists(st.tuples(documents, st.lists(st.integers(0, 8), max_size=5)), min_size=1, max_size=6)


def _segments(rows, kind):
    draw = np.random.default_rng(len(rows))
    result = []
    for number, (own, prefix) in enumerate(rows):
        before = np.asarray(prefix, dtype=np.int32) if prefix else None
        chosen = None if kind == "all" else (0,)
        if kind == "each":
            whole = [len(prefix) + len(document) for document in own]
            # At least the last position of the prefix, or the first of the document, is read.
            chosen = tuple(
                np.unique([max(len(prefix) - 1, 0), *draw.integers(max(len(prefix) - 1, 0), length, 3)])
                for length in whole
            )
        result.append(
            Segments(
                number,
                tuple(np.asarray(document, dtype=np.int32) for document in own),
                graded=chosen,
                target=number,
                prefix=before,
            )
        )
    return result


@given(rows_of, graded)
@quick
def test_packed_and_padded_read_the_same(rows, kind):
    segments = _segments(rows, kind)
    packed, padded = (collate(segments, layout, "class") for layout in (PACKED, PADDED))
    packing = packed.packing
    assert padded.packing is None
    assert packed.input_ids.shape == (1, sum(segment.num_tokens for segment in segments))
    assert torch.equal(packed.input_ids, pack(segments, PACKED).input_ids)
    assert bool(packed.attention_mask.all())
    assert packed.targets.tolist() == packed.rows.tolist() == padded.rows.tolist() == list(range(len(rows)))
    assert (packed.owner is None) == (padded.owner is None)
    assert packed.owner is None or packed.owner.tolist() == padded.owner.tolist()
    for place, (places, mask) in enumerate(zip(packing.read, packing.read_mask, strict=True)):
        real = padded.attention_mask[place]
        if padded.graded is None:
            positions = torch.arange(len(real))[real]
        else:
            positions = padded.graded[place]
            positions = positions if padded.graded_mask is None else positions[padded.graded_mask[place]]
        # The same tokens, at the same positions of their document.
        assert packed.input_ids[0, places[mask]].tolist() == padded.input_ids[place, positions].tolist()
        assert packing.position_ids[0, places[mask]].tolist() == positions.tolist()
    if kind == "all":
        assert packed.graded is None
        assert packing.read_graded is None
    else:
        places = packed.graded[0]
        assert places.tolist() == sorted(set(packing.read[packing.read_mask].tolist()))
        assert torch.equal(places[packing.read_graded][packing.read_mask], packing.read[packing.read_mask])


@given(rows_of)
@quick
def test_stretches_fill_the_pack_and_none_is_cut(rows):
    segments = _segments(rows, "all")
    batch = collate(segments, PACKED, "class")
    packing = batch.packing
    assert packing.starts.tolist() == [0, *np.cumsum(packing.lengths)[:-1].tolist()]
    found = [
        (batch.input_ids[0, start : start + length].tolist(), int(before))
        for start, length, before in zip(packing.starts, packing.lengths, packing.prefixes, strict=True)
    ]
    expected = []
    for segment in segments:
        shared = None if segment.prefix is None else segment.prefix.tolist()
        expected += [(shared, document.tolist()) for document in segment.documents]
    told = [(None if before < 0 else found[before][0], ids) for ids, before in found]
    prefixes = {before for _, before in found if before >= 0}
    assert all(before < place for place, (_, before) in enumerate(found))
    assert sorted(map(str, (pair for place, pair in enumerate(told) if place not in prefixes))) == sorted(
        map(str, expected)
    )


def test_positions_after_padding_number_tokens_that_are_not_padding():
    layout = Layout(64, 1, takes_segments=True, wants_packs=True, positions="after_padding")
    ids = [np.asarray(own, dtype=np.int32) for own in ([5, 1, 6, 7], [8, 9])]
    batch = collate([Segments(row, (own,)) for row, own in enumerate(ids)], layout, "class")
    assert batch.packing.position_ids.tolist() == [[2, 1, 3, 4, 2, 3]]


def test_token_types_go_along():
    pair = Segments(0, (np.asarray([5, 6, 7], dtype=np.int32),), token_types=(np.asarray([0, 0, 1]),))
    longer = Segments(1, (np.asarray([4, 4, 4, 4], dtype=np.int32),), token_types=(np.asarray([0, 1, 1, 1]),))
    batch = collate([pair, longer], PACKED, "class")
    assert batch.token_type_ids.tolist() == [[0, 1, 1, 1, 0, 0, 1]]
