"""Documents of a pack are sequences again above the blocks, inside its context alone."""

import numpy as np
import pytest
import torch

from afina.base.types import Segments
from afina.data import batching
from afina.inference.unpacking import Unpacking
from tests import tiny


def _batch(model, graded):
    documents = [np.full(length, 7, dtype=np.int32) for length in (2, 4, 3)]
    rows = [Segments(row, (document,), graded=graded) for row, document in enumerate(documents)]
    layout = model.layout.__class__(48, 0, takes_segments=True, wants_packs=True)
    return batching.collate(rows, layout, "class")


@pytest.mark.parametrize(("pooling", "graded"), [("cls", (0,)), ("mean", None)])
def test_what_is_read_comes_in_the_order_of_the_documents(tiny_folder, pooling, graded):
    model = tiny.load(tiny_folder("bert"), pooling)
    unpacking = Unpacking(model)
    packing = _batch(model, graded).packing
    states = torch.arange(9.0)[None, :, None].requires_grad_()
    place = model.block_modules[-1] if pooling == "cls" else model.encoder
    hook = list(place._forward_hooks.values())[-1]
    assert hook(place, (), states) is None
    with unpacking.reading(packing):
        found = hook(place, (), states)
        # The longest stands first in the pack, the shortest last.
        assert found[..., 0].tolist() == ([[7], [0], [4]] if graded else [[7, 8, 0, 0], [0, 1, 2, 3], [4, 5, 6, 0]])
        assert hook(place, (), (states, "kept"))[1] == "kept"
        with pytest.raises(NotImplementedError, match="else than the pack"):
            hook(place, (), torch.cat([states, states]))
        if graded:
            # Cut down, the last block says the graded places 0, 4 and 7 alone.
            assert hook(place, (), states[:, [0, 4, 7]])[..., 0].tolist() == [[7], [0], [4]]
        found[packing.read_mask].sum().backward()
        expected = [1, 0, 0, 0, 1, 0, 0, 1, 0] if graded else [1] * 9
        assert states.grad[0, :, 0].tolist() == expected
    assert hook(place, (), states) is None
    unpacking.remove()
    assert hook not in place._forward_hooks.values()
