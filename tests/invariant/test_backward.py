"""No backward pass reaches below the lowest weight that moves: counted block by block, whatever the technique."""

import pytest

from afina.base import registry
from afina.base.errors import RecipeError
from tests import tiny

KINDS = registry.names("tuning")
FAMILIES = ("bert", "distilbert", "roberta", "deberta-v2", "modernbert", "electra")
THAWING = {"gradual_unfreezing": 0.7}
"""On three steps an epoch and eight in all: two steps for the head, two for the upper block too, four for all."""


class Counting:
    """Counts, step by step, how often a gradient arrives at the output of each block."""

    priority = 0

    def __init__(self, model):
        self.model = model
        self.arrived = [0] * len(model.block_modules)
        self.steps = []
        for depth, block in enumerate(model.block_modules):
            block.register_forward_hook(lambda _, __, output, depth=depth: self._watch(depth, output))

    def _watch(self, depth, output):
        states = output[0] if isinstance(output, tuple) else output
        if states.requires_grad:
            states.register_hook(lambda gradient: self._count(depth))

    def _count(self, depth):
        self.arrived[depth] += 1

    def step_start(self, progress):
        self.arrived = [0] * len(self.arrived)

    def backward_done(self, progress):
        self.steps.append((progress.stage, _lowest(self.model), self.arrived))

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _lowest(model):
    """Return the depth of the lowest block that holds a moving weight; 0 where one stands below all blocks."""
    moving = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if moving.intersection(model.blocks.embeddings):
        return 0
    depths = [depth for depth, names in enumerate(model.blocks.blocks) if moving.intersection(names)]
    return min(depths, default=len(model.blocks.blocks))


def _counted(folder, kind, num_steps=2, pooling="mean", **options):
    model = tiny.load(folder, pooling)
    counting = Counting(model)
    rows = tiny.rows(21, pooling)
    loop = tiny.loop(
        model, rows, tuning=(kind, options), precision="float32", num_steps=num_steps, callbacks=[counting]
    )
    loop.fit()
    return loop, counting.steps


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_stop_at_the_lowest_block_that_moves(tiny_folder, kind, family):
    options = {"num_blocks": 1} if kind == "last-blocks" else {}
    try:
        loop, steps = _counted(tiny_folder(family), kind, **options)
    except RecipeError as refused:
        pytest.skip(str(refused))
    assert len(steps) == 2
    for _, lowest, arrived in steps:
        assert not any(arrived[:lowest])
        assert all(arrived[lowest:])
    assert max(lowest for _, lowest, _ in steps) >= loop.material.report.frozen_blocks


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_micro_batches_and_a_last_block_cut_down_change_nothing_in_it(tiny_folder, pooling):
    _, steps = _counted(tiny_folder("bert"), "last-blocks", pooling=pooling, num_blocks=1)
    assert [arrived for _, _, arrived in steps] == [[0, 1], [0, 1]]


@pytest.mark.parametrize("family", FAMILIES)
def test_in_each_stage_they_stop_at_what_has_thawed(tiny_folder, family):
    _, steps = _counted(tiny_folder(family), "full", num_steps=8, **THAWING)
    counts = [(stage, [min(count, 1) for count in arrived]) for stage, _, arrived in steps]
    assert counts == [
        *[("head first", [0, 0])] * 2,
        *[("from block 1 up", [0, 1])] * 2,
        *[("everything", [1, 1])] * 4,
    ]
