"""A technique may change or wrap the network; its parameters are still found by depth."""

import pytest
import torch
from torch import nn

from tests import tiny


class Beside(nn.Module):
    """A linear layer with a little one beside it."""

    def __init__(self, base):
        super().__init__()
        self.base_layer = base
        self.little = nn.Linear(base.in_features, base.out_features, bias=False)

    def forward(self, values):
        return self.base_layer(values) + self.little(values)


class Around(nn.Module):
    """A network with a vector of its own before it."""

    def __init__(self, network):
        super().__init__()
        self.inner = network
        self.prompt = nn.Parameter(torch.zeros(3))

    @property
    def base_model(self):
        return self.inner.base_model


def _beside(where):
    def change(network):
        for path, module in list(network.named_modules()):
            if isinstance(module, nn.Linear) and where(path):
                parent, _, name = path.rpartition(".")
                setattr(network.get_submodule(parent), name, Beside(module))
        return network

    return change


def _unit_of(model, part):
    return {unit for unit, names in model.blocks.units.items() for name in names if part in name}


@pytest.mark.parametrize("family", ["bert", "albert", "deberta-v2"])
def test_what_is_put_into_a_block_belongs_to_it(tiny_folder, family):
    model = tiny.load(tiny_folder(family), "mean")
    before, units = dict(model.named_parameters()), model.blocks.units
    aliases = model.rewire(_beside(lambda path: "layer" in path))
    after = dict(model.named_parameters())
    assert sorted(aliases.values()) == sorted(before)
    assert all(after[name] is before[alias] for name, alias in aliases.items())
    old_unit = {name: unit for unit, names in units.items() for name in names}
    for unit, names in model.blocks.units.items():
        assert all(old_unit[aliases[name]] == unit for name in names if name in aliases)
        new = [name for name in names if name not in aliases]
        assert all(name.endswith("little.weight") for name in new)
        assert bool(new) is unit.startswith("block")
    assert sorted(name for names in model.blocks.units.values() for name in names) == sorted(after)


def test_what_is_put_above_the_blocks_belongs_there(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    model.rewire(_beside(lambda path: "pooler" in path))
    assert _unit_of(model, "little") == {"top"}
    model = tiny.load(tiny_folder("bert"))
    model.rewire(_beside(lambda path: path == "classifier"))
    assert _unit_of(model, "little") == {"head"}


def test_what_is_wrapped_around_feeds_the_first_block_and_can_be_unwrapped(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    blocks, modules = model.blocks, model.block_modules
    aliases = model.rewire(Around)
    assert _unit_of(model, "prompt") == {"embeddings"}
    assert model.block_modules == modules
    assert all(name.replace(".inner.", ".") == alias for name, alias in aliases.items())
    model.rewire(lambda network: network.inner)
    assert model.blocks == blocks
