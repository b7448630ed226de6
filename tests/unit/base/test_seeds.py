import random

import numpy as np
import torch

from afina.base import seeds


def _draw():
    return random.random(), float(np.random.random()), float(torch.rand(()))


def test_seed_everything_repeats_every_source():
    seeds.seed_everything(7)
    first = _draw()
    seeds.seed_everything(7)
    assert _draw() == first
    seeds.seed_everything(8)
    assert all(one != other for one, other in zip(_draw(), first, strict=True))


def test_generator_depends_on_its_parts_alone():
    assert np.array_equal(seeds.generator(3, 1).permutation(50), seeds.generator(3, 1).permutation(50))
    assert not np.array_equal(seeds.generator(3, 1).permutation(50), seeds.generator(3, 2).permutation(50))


def test_restore_goes_back_to_the_same_numbers():
    kept = seeds.state()
    first = torch.rand(5)
    torch.rand(3)
    seeds.restore(kept)
    assert torch.equal(torch.rand(5), first)
