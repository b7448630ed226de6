import numpy as np
import pytest

from afina.base.types import Segments
from afina.data import batching
from afina.planning import workload
from afina.planning.workload import Sizes


def _segments(lengths, documents=1):
    return [Segments(row, tuple(np.ones(n, dtype=np.int32) for _ in range(documents))) for row, n in enumerate(lengths)]


@pytest.mark.parametrize(("micro", "processes"), [(8, 1), (3, 1), (2, 2)])
def test_epoch_counts_what_batches_would_hold(make_job, micro, processes):
    material = make_job(num_rows=45).material
    layout = material.forward.model.layout
    sizes = Sizes.of(material.segments)
    padded = real = 0
    for rank in range(processes):
        for rows in material.plan.epoch(0):
            for share in batching.micro_batches(rows, micro, rank, processes):
                if len(share):
                    batch = batching.collate([material.segments[row] for row in share], layout, material.target_kind)
                    padded += batch.input_ids.numel()
                    real += int(batch.attention_mask.sum())
    found = [workload.epoch(material.plan, sizes, micro, rank, processes) for rank in range(processes)]
    assert sum(shapes.padded_tokens for shapes, _ in found) == padded
    assert sum(tokens for _, tokens in found) == real == sizes.num_tokens.sum()


def test_windows_are_sequences_of_their_own():
    sizes = Sizes.of(_segments([5, 7], documents=3))
    shapes = workload.shapes(sizes, [np.array([0, 1])])
    assert (shapes.num_sequences[0], shapes.num_tokens[0], shapes.padded_tokens) == (6, 7, 42)


def test_longest_rows_come_first():
    sizes = Sizes.of(_segments([4, 9, 2, 9, 5]))
    assert list(workload.longest_rows(sizes, 3)) == [1, 3, 4]
    assert len(workload.longest_rows(sizes, 99)) == len(sizes) == 5


def test_no_rows_have_no_shapes():
    shapes = workload.shapes(Sizes.of([]), [])
    assert len(shapes) == 0
    assert shapes.padded_tokens == 0


def test_batches_are_as_wide_as_they_are_computed():
    sizes = Sizes.of(_segments([5, 13, 9]), lambda tokens: 2 * tokens)
    shapes = workload.shapes(sizes, [np.array([0, 2]), np.array([1])])
    assert list(shapes.num_tokens) == [18, 26]


def test_an_epoch_in_bfloat16_is_counted_in_the_widths_that_are_computed(make_job):
    material = make_job(num_rows=45, training={"precision": "bfloat16"}).material
    forward = material.forward
    sizes = Sizes.of([*material.segments, *_segments([25])], forward.width)
    found = workload.shapes(sizes, [np.array([row]) for row in range(len(sizes))])
    for row, width in enumerate(found.num_tokens[:-1]):
        batch = forward._placed(batching.collate([material.segments[row]], forward.model.layout, "class"))
        assert batch.input_ids.shape[1] == width
    assert found.num_tokens[-1] == 28
