import numpy as np
import torch

from afina.base.types import Batch, Segments


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
