"""Leaving out is refused where it would not be exact."""

import pytest
import torch
from torch import nn

from afina.inference.forward import Forward
from tests import tiny

CPU = torch.device("cpu")


def _forward(folder, dropout=0.0, pooling="mean"):
    model = tiny.load(folder, pooling, dropout=dropout)
    _, report = tiny.tuned(model, "last-blocks", num_blocks=1)
    return Forward(model, CPU, "float32"), report


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert", "mpnet"])
def test_known_families_may_be_left_out(tiny_folder, family):
    forward, report = _forward(tiny_folder(family), dropout=0.2)
    assert forward.leave_out(report.frozen_blocks, report.names) == ""
    assert forward.prefix is not None


def test_a_frozen_part_that_draws_random_numbers_may_not(tiny_folder):
    forward, report = _forward(tiny_folder("bert"))
    forward.model.block_modules[0].output.dense = _Noisy(forward.model.block_modules[0].output.dense)
    assert "twice" in forward.leave_out(report.frozen_blocks, report.names)
    assert forward.prefix is None
    assert all("forward" not in vars(module) for module in forward.model.modules())


def test_a_model_that_looks_past_its_blocks_may_not(tiny_folder):
    forward, report = _forward(tiny_folder("bert"))
    encoder = forward.model.encoder
    # The last block's output is added to the embedding's, which is then not what was left out says.
    spoken = []
    encoder.embeddings.register_forward_hook(lambda _, __, output: spoken.append(output))
    forward.model.block_modules[-1].register_forward_hook(lambda _, __, output: output + spoken[-1])
    assert "exactly" in forward.leave_out(report.frozen_blocks, report.names)


def test_nothing_frozen_is_said(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean")
    forward = Forward(model, CPU, "float32")
    assert "nothing" in forward.leave_out(0, frozenset())


def test_random_numbers_and_modes_are_as_before(tiny_folder):
    forward, report = _forward(tiny_folder("bert"), dropout=0.2)
    forward.model.train()
    modes = [module.training for module in forward.model.modules()]
    state = torch.get_rng_state()
    forward.leave_out(report.frozen_blocks, report.names)
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [module.training for module in forward.model.modules()]


class _Noisy(nn.Module):
    """A layer with noise of its own that no mode switches off."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.training_draws = 0.0

    def train(self, mode=True):
        self.training_draws += 1e-4
        return super().train(mode)

    def forward(self, values):
        return self.inner(values) + 1e-3 * torch.rand(()) * self.training_draws
