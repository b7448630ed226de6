"""A seed decides everything: the same one gives the same run, another gives another."""

import torch

from tests import tiny


def _fitted(folder, seed, dropout=0.3, noise=0):
    for _ in range(noise):
        torch.rand(1)  # What was drawn before a run does not reach into it.
    model = tiny.load(folder, seed=seed, dropout=dropout)
    tiny.loop(model, tiny.rows(20), precision="float32", seed=seed).fit()
    return tiny.weights(model)


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tiny_folder):
    one, other = _fitted(tiny_folder("bert"), 1), _fitted(tiny_folder("bert"), 1, noise=3)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_seed_gives_other_weights(tiny_folder):
    assert tiny.distance(_fitted(tiny_folder("bert"), 1), _fitted(tiny_folder("bert"), 2)) > 1e-4


def test_dropout_acts_in_training(tiny_folder):
    assert tiny.distance(_fitted(tiny_folder("bert"), 1), _fitted(tiny_folder("bert"), 1, dropout=0.0)) > 1e-5
