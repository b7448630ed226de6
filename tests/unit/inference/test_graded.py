"""Hooks that cut the last block down act while they are told to, and leave no trace."""

import pytest
import torch
from torch import nn

from afina.inference.graded import GradedLastBlock


class _Block(nn.Module):
    """The least of an attention block: a query on its input, keys and values of the whole sequence."""

    def __init__(self, key="key", value="value"):
        super().__init__()
        self.query = nn.Linear(4, 4)
        self.add_module(key, nn.Linear(4, 4))
        self.add_module(value, nn.Linear(4, 4))
        self.names = (key, value)

    def forward(self, hidden_states):
        query, key, value = (self.get_submodule(name)(hidden_states) for name in ("query", *self.names))
        return torch.softmax(query @ key.transpose(1, 2), -1) @ value


@pytest.mark.parametrize("names", [("key", "value"), ("k_proj", "v_proj"), ("k_lin", "v_lin")])
@pytest.mark.parametrize("by_keyword", [True, False])
def test_only_the_read_positions_are_computed_and_they_are_the_same(names, by_keyword):
    block = _Block(*names)
    states, positions = torch.randn(2, 5, 4), torch.tensor([[0], [3]])
    whole = block(states)
    graded = GradedLastBlock(block)
    assert graded.is_possible
    with graded.reading(positions):
        cut = block(hidden_states=states) if by_keyword else block(states)
    torch.testing.assert_close(cut, torch.stack([whole[0, :1], whole[1, 3:4]]))
    assert torch.equal(block(states), whole)


def test_none_reads_every_position():
    block, states = _Block(), torch.randn(1, 3, 4)
    graded = GradedLastBlock(block)
    with graded.reading(None):
        assert block(states).shape == (1, 3, 4)


def test_an_error_inside_ends_the_reading():
    block, states = _Block(), torch.randn(1, 3, 4)
    graded = GradedLastBlock(block)
    with pytest.raises(RuntimeError), graded.reading(torch.tensor([[0]])):
        block(torch.randn(1, 3, 5))
    assert block(states).shape == (1, 3, 4)


def test_removed_hooks_are_gone():
    block = _Block()
    GradedLastBlock(block).remove()
    assert not any(module._forward_pre_hooks for module in block.modules())


def test_a_block_without_separate_keys_and_values_is_left_alone():
    block = nn.Sequential(nn.Linear(4, 12))
    graded = GradedLastBlock(block)
    assert not graded.is_possible
    assert not block._forward_pre_hooks
