from dataclasses import replace

import pytest

from afina.planning import measuring, mends
from afina.planning.footprint import CLOSING_BYTES, GROWTH_BYTES, Room
from afina.planning.storage import storage
from afina.planning.workload import Sizes

KINDS = [
    "training.micro_batch_size",
    "training.gradient_checkpointing",
    "training.optimizer",
    "data.max_tokens",
    "tuning=last-blocks",
    "tuning=head",
]


@pytest.fixture
def case(make_job):
    """A run large enough that activations, state and length matter, on the tiny model."""
    job = make_job(training={"global_batch_size": 32})
    material = job.material
    sizes = Sizes.of(material.segments)
    found = measuring._case(job, replace(sizes, longest=sizes.longest * 50), measuring._parts(job))
    parts = replace(found.parts, state=2e8, moving=1e8, gradients=1e8, weights=1e8, largest=1e6)
    return replace(found, parts=parts, judged=(1, 1)), material.forward.model, material.report


def _mends(case, free):
    return mends.for_memory(case[0], Room(0, int(free)), case[1], case[2])


def test_fewer_rows_come_first_and_fit(case):
    full = case[0].peak(Room(0, 0))[0].high
    found = _mends(case, full * 0.9)
    name, rows = found[0].overrides[0].split("=")
    assert name == "training.micro_batch_size"
    changed = replace(case[0], micro_batch_size=int(rows))
    assert changed.fits(Room(0, int(full * 0.9)))
    assert not replace(case[0], micro_batch_size=2 * int(rows)).fits(Room(0, int(full * 0.9)))


def test_mends_are_in_order_of_what_they_cost(case):
    found = _mends(case, case[0].peak(Room(0, 0))[0].high * 0.9)
    first = [
        next(place for place, kind in enumerate(KINDS) if mend.overrides[0].startswith(kind)) for mend in found[:-1]
    ]
    assert first == sorted(first)
    assert len(set(first)) == len(first) > 2
    assert found[-1].overrides == ()


def test_computing_again_is_offered_where_fewer_rows_do_not_suffice(case):
    learning = replace(case[0].learning, num_blocks=8, cuts_last=False)
    one_row = replace(case[0], micro_batch_size=1, learning=learning, activations=case[0].activations.scaled(1000))
    again = replace(one_row, gradient_checkpointing="on")
    enough = again.peak(Room(0, 0))[0].high + 1
    assert not one_row.fits(Room(0, int(enough)))
    found = mends.for_memory(one_row, Room(0, int(enough)), *case[1:])
    assert found[0].overrides == ("training.gradient_checkpointing=on",)
    found = mends.for_memory(again, Room(0, int(enough * 0.99)), *case[1:])
    assert not any("gradient_checkpointing" in part for mend in found for part in mend.overrides)


def test_a_mend_that_does_not_help_is_not_offered(case):
    one_row = replace(case[0], micro_batch_size=1)
    without_state = one_row.peak(Room(0, 0))[0].high - 1e8
    found = _mends(case, without_state)
    assert not any(mend.overrides[:1] == ("training.micro_batch_size=1",) for mend in found)
    assert found[0].overrides[0] == "training.optimizer=adafactor"


def test_where_nothing_helps_a_machine_is_named(case):
    assert [mend.overrides for mend in _mends(case, (GROWTH_BYTES + CLOSING_BYTES) / 10)] == [()]


def test_windows_are_not_offered_to_be_cut(case):
    sizes = case[0].sizes
    windows = replace(case[0], sizes=replace(sizes, num_documents=sizes.num_documents * 3))
    found = mends.for_memory(windows, Room(0, int(windows.peak(Room(0, 0))[0].high * 0.9)), case[1], case[2])
    assert not any(part.startswith("data.max_tokens") for mend in found for part in mend.overrides)


def test_a_head_alone_has_no_smaller_tuning(make_job):
    job = make_job("head")
    found = measuring._case(job, Sizes.of(job.material.segments), measuring._parts(job))
    offered = mends.for_memory(found, Room(0, 10**12), job.material.forward.model, job.material.report)
    assert not any(part.startswith("tuning") for mend in offered for part in mend.overrides)


def test_overrides_are_understood_by_the_recipe(case, tmp_path):
    from afina.recipe import reading

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("base: builtin:minilm\ndata: rows.csv\ntuning: full\n", encoding="utf-8")
    for mend in _mends(case, case[0].peak(Room(0, 0))[0].high * 0.9):
        reading.read(recipe, mend.overrides)


def test_smaller_checkpoints_are_offered_where_they_fit(case):
    whole = storage(case[0].parts.moving, case[0].parts.state, 1e6, num_saves=10)
    enough = mends.for_disk(case[0], whole, int(whole.peak.high * 0.9), *case[1:])
    assert [mend.overrides[:1] for mend in enough] == [(), ("tuning=last-blocks",)]
    assert len(mends.for_disk(case[0], whole, 1000, *case[1:])) == 1


def test_a_disk_that_the_prefix_cache_fills_is_mended_without_it(case):
    whole = storage(case[0].parts.moving, case[0].parts.state, 1e8, 9)
    free = int(whole.peak.high * 1.1)
    found = mends.for_disk(case[0], whole, free, *case[1:], cache_bytes=free)
    assert found[1].overrides == ("training.prefix_cache=off",)
    without = mends.for_disk(case[0], whole, int(whole.peak.high * 0.9), *case[1:], cache_bytes=10**6)
    assert ("training.prefix_cache=off",) not in [mend.overrides for mend in without]
