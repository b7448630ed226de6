"""The self-test finds the positions that are right, and says no where there are none."""

import pytest
import torch

from afina.inference import attention
from afina.inference.segment_check import packable
from afina.inference.unpacking import Unpacking
from tests import tiny

CPU = torch.device("cpu")


def _found(folder, name=attention.NAME, tolerance=1e-5, change=lambda model: None):
    model = tiny.load(folder, "mean").eval()
    attention.switch(model.network, name)
    change(model)
    state = torch.get_rng_state()
    found = packable(model, None, Unpacking(model), CPU, tolerance)
    assert torch.equal(state, torch.get_rng_state())
    return found


@pytest.mark.parametrize(("family", "positions"), [("bert", "from_zero"), ("roberta", "after_padding")])
def test_positions_are_found_by_trying(tiny_folder, family, positions):
    found = _found(tiny_folder(family))
    assert found.takes_segments
    assert found.is_packed
    assert found.positions == positions


def test_documents_that_see_each_other_are_noticed(tiny_folder):
    assert _found(tiny_folder("bert"), "sdpa") is None


def test_positions_that_go_on_are_noticed(tiny_folder):
    def count_through(model):
        embeddings, forward = model.network.embeddings, model.network.embeddings.forward
        embeddings.forward = lambda **given: forward(**{**given, "position_ids": None})

    assert _found(tiny_folder("bert"), change=count_through) is None


def test_the_tolerance_is_kept(tiny_folder):
    assert _found(tiny_folder("bert"), "sdpa", tolerance=1e-2) is None
    assert _found(tiny_folder("bert"), "sdpa", tolerance=1e3) is not None
