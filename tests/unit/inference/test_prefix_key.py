"""Two frozen parts share a key exactly when they say the same."""

import pytest
import torch

from afina.inference.prefix_key import key_of
from afina.inference.prefix_parts import LowerBlocks, WholeBase
from tests import tiny

CPU = torch.device("cpu")


def _key(model, blocks=1, precision="float32"):
    part = LowerBlocks(model, blocks) if blocks else WholeBase(model, None)
    try:
        return key_of(model, part, precision, CPU)
    finally:
        part.remove()


@pytest.fixture
def folder(tiny_folder):
    return tiny_folder("bert")


def test_the_same_base_has_the_same_key_whatever_head_and_dropout(folder):
    one = tiny.load(folder, "cls", num_labels=3, seed=0)
    other = tiny.load(folder, "cls", num_labels=5, seed=1, dropout=0.3)
    assert _key(one) == _key(other)
    assert _key(one, 0) == _key(other, 0)


def test_what_is_above_does_not_count_and_what_is_below_does(folder):
    model = tiny.load(folder)
    before, before_all = _key(model), _key(model, 0)
    with torch.no_grad():
        dict(model.named_parameters())[model.blocks.blocks[1][0]].add_(1.0)
    assert _key(model) == before
    assert _key(model, 0) != before_all
    with torch.no_grad():
        dict(model.named_parameters())[model.blocks.blocks[0][0]].add_(1.0)
    assert _key(model) != before


def test_depth_precision_pooling_and_configuration_are_told_apart(folder):
    cls, mean = tiny.load(folder, "cls"), tiny.load(folder, "mean")
    keys = [_key(cls), _key(cls, 2), _key(cls, 0), _key(mean, 0), _key(cls, precision="bfloat16")]
    cls.network.config.layer_norm_eps = 1e-3
    keys.append(_key(cls))
    assert len(set(keys)) == len(keys)
