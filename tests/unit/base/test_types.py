import numpy as np
import torch

from afina.base.types import Batch, Layout, Packing, Segments


def _segments():
    return Segments(row=3, documents=(np.arange(5, dtype=np.int32), np.arange(2, dtype=np.int32)))


def test_segments_count_their_tokens():
    assert _segments().num_tokens == 7
    assert _segments().longest == 5


def test_batch_counts_rows_not_sequences():
    batch = Batch(
        rows=np.array([4, 9]),
        input_ids=torch.zeros(3, 6, dtype=torch.long),
        attention_mask=torch.ones(3, 6, dtype=torch.bool),
        owner=torch.tensor([0, 0, 1]),
    )
    assert len(batch) == 2


def test_batch_moves_every_tensor_and_nothing_else():
    rows = np.array([0])
    batch = Batch(
        rows, torch.zeros(1, 2, dtype=torch.long), torch.ones(1, 2, dtype=torch.bool), targets=torch.tensor([1])
    )
    moved = batch.to("meta")
    assert {moved.input_ids.device.type, moved.attention_mask.device.type, moved.targets.device.type} == {"meta"}
    assert moved.token_type_ids is None
    assert moved.rows is rows
    assert batch.input_ids.device.type == "cpu"


def test_a_packed_batch_moves_its_packing_too():
    place = torch.zeros(1, 2, dtype=torch.long)
    packing = Packing(np.array([0]), np.array([2]), np.array([-1]), place, place, place.bool())
    batch = Batch(np.array([0]), place, place.bool(), packing=packing, graded_mask=place.bool())
    moved = batch.to("meta")
    assert {moved.packing.position_ids.device.type, moved.packing.read.device.type} == {"meta"}
    assert {moved.packing.read_mask.device.type, moved.graded_mask.device.type} == {"meta"}
    assert moved.packing.num_tokens == 2
    assert moved.packing.read_graded is None


def test_graded_positions_are_the_same_everywhere_or_each_its_own():
    documents = (np.arange(5, dtype=np.int32), np.arange(2, dtype=np.int32))
    prefix = np.arange(3, dtype=np.int32)
    same = Segments(0, documents, graded=(0, 1), prefix=prefix)
    own = Segments(0, documents, graded=(np.array([2, 4]), np.array([3])), prefix=prefix)
    assert [same.graded_in(place).tolist() for place in (0, 1)] == [[0, 1], [0, 1]]
    assert [own.graded_in(place).tolist() for place in (0, 1)] == [[2, 4], [3]]
    assert Segments(0, documents).graded_in(1) is None
    assert (same.num_tokens, same.longest) == (10, 8)


def test_documents_share_a_sequence_only_where_that_is_wanted_and_taken():
    for wanted in (False, True):
        for taken in (False, True):
            layout = Layout(8, 0, takes_segments=taken, wants_packs=wanted)
            assert layout.is_packed is (wanted and taken)
