"""No backward pass reaches below the lowest weight that moves: counted block by block, whatever the technique."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from afina.base import registry
from afina.base.errors import RecipeError
from afina.inference import attention
from tests import tiny

KINDS = registry.names("tuning")
FAMILIES = ("bert", "distilbert", "deberta-v2", "modernbert", "gpt2", "llama")
OPTIONS = {"peft": {"method": "loha"}, **tiny.OPTIONS}
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
    model = tiny.load(folder, pooling, requires=tiny.technique("tuning", kind, **options).requires)
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
    try:
        loop, steps = _counted(tiny_folder(family), kind, **OPTIONS.get(kind, {}))
    except RecipeError as refused:
        pytest.skip(str(refused))
    assert len(steps) == 2
    for _, lowest, arrived in steps:
        assert not any(arrived[:lowest])
        assert all(arrived[lowest:])
    assert max(lowest for _, lowest, _ in steps) >= loop.material.report.frozen_blocks


FREEZING = [kind for kind in KINDS if "freeze_blocks" in registry.config("tuning", kind).model_fields]


@pytest.mark.parametrize("family", ["bert", "llama"])
@pytest.mark.parametrize("kind", FREEZING)
def test_they_stop_above_what_was_asked_to_stay(tiny_folder, kind, family):
    options = {**OPTIONS.get(kind, {}), "freeze_blocks": 1}
    loop, steps = _counted(tiny_folder(family), kind, **options)
    assert loop.material.report.frozen_blocks == 1
    assert [(lowest, arrived[0], arrived[1] > 0) for _, lowest, arrived in steps] == [(1, 0, True)] * 2


@pytest.mark.parametrize(
    ("moving", "products"), [("", 0), ("v", 1), ("k", 2), ("q", 2), ("qk", 3), ("qv", 3), ("kv", 3), ("qkv", 4)]
)
def test_attention_computes_only_the_gradients_that_are_asked_for(moving, products):
    torch.manual_seed(0)
    inputs = {name: torch.randn(2, 3, 5, 4, requires_grad=name in moving) for name in "qkv"}
    output, _ = attention.attend(torch.nn.Module(), inputs["q"], inputs["k"], inputs["v"], None)
    if not moving:
        assert not output.requires_grad
        return
    weights = torch.softmax(inputs["q"] @ inputs["k"].transpose(2, 3) * 4**-0.5, -1)
    plain = (weights @ inputs["v"]).transpose(1, 2)
    wanted = torch.autograd.grad(plain.square().sum(), [inputs[name] for name in moving])
    with FlopCounterMode(display=False) as counter:
        found = torch.autograd.grad(output.square().sum(), [inputs[name] for name in moving])
    for one, other in zip(wanted, found, strict=True):
        torch.testing.assert_close(one, other)
    # Each product multiplies two matrices of 5 positions and width 4, for 2 sequences of 3 heads.
    assert counter.get_total_flops() == products * 2 * (2 * 3) * 5 * 5 * 4


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
