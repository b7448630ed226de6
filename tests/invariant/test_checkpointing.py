"""Blocks computed again on the way back: the same gradients, masks and weights, less kept, nothing done in vain."""

from dataclasses import replace

import pytest
import torch

from afina.base import seeds
from afina.inference.checkpointing import recomputed
from afina.inference.forward import Forward
from tests import tiny

CPU = torch.device("cpu")
FAMILIES = ["bert", "roberta", "distilbert", "electra", "albert", "deberta-v2", "modernbert", "mpnet"]
DECODERS = ["gpt2", "llama", "qwen2"]
THAWING = ("full", {"gradual_unfreezing": 0.7})


def _forward(folder, family, kind="full", pooling="mean", dropout=0.3, precision="float32", **options):
    model = tiny.load(folder(family), pooling, dropout=dropout)
    _, report = tiny.tuned(model, kind, **options)
    return Forward(model, CPU, precision), report


def _step(forward, setting, windows=1):
    """Return loss, gradients and the random state that follows one forward and backward pass."""
    model = forward.model.train()
    pooling = model.spec.pooling
    batch = forward.collate(tiny.rows(6, pooling, windows=windows), "class")
    model.zero_grad(set_to_none=True)
    seeds.seed_everything(3)
    with recomputed(model, setting):
        loss = forward(batch).float().square().sum()
        loss.backward()
    found = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    return loss.detach(), found, torch.get_rng_state()


def _assert_same(forward, tolerance=1e-6, **options):
    loss, gradients, state = _step(forward, "off", **options)
    again_loss, again, again_state = _step(forward, "on", **options)
    assert torch.equal(loss, again_loss)
    assert torch.equal(state, again_state)
    assert gradients.keys() == again.keys()
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    assert max(float((gradients[name] - again[name]).abs().max()) for name in gradients) <= tolerance * largest


class Computed:
    """Counts how often each block's insides are computed."""

    def __init__(self, model):
        self.times = [0] * len(model.block_modules)
        for depth, block in enumerate(model.block_modules):
            layer = next(module for module in block.modules() if not list(module.children()))
            layer.register_forward_pre_hook(lambda _, __, depth=depth: self._count(depth))

    def _count(self, depth):
        self.times[depth] += 1


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_and_dropout_are_the_same_with_and_without(tiny_folder, family, pooling):
    forward, _ = _forward(tiny_folder, family, pooling=pooling)
    _assert_same(forward, windows=2)


@pytest.mark.parametrize(
    ("family", "pooling"), [("bert", "cls"), ("bert", "mean"), ("distilbert", "mean"), ("llama", "last")]
)
def test_documents_that_share_a_sequence_are_no_different(tiny_folder, family, pooling):
    forward, _ = _forward(tiny_folder, family, pooling=pooling)
    forward.model.layout = replace(forward.model.layout, wants_packs=True)
    assert forward.model.layout.is_packed
    _assert_same(forward, windows=2)


@pytest.mark.parametrize("family", DECODERS)
def test_a_block_that_fills_a_cache_does_not_find_it_filled(tiny_folder, family):
    forward, _ = _forward(tiny_folder, family)
    _assert_same(forward)


def test_in_bfloat16_too_with_frozen_weights_held_in_it(tiny_folder):
    from afina.engine.loop import weights_held_in

    forward, _ = _forward(tiny_folder, "bert", "bias", precision="bfloat16", pooling="cls")
    assert forward.graded is not None
    with weights_held_in(forward):
        _assert_same(forward)


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("full", {}, [2, 1]),
        ("bias", {}, [2, 1]),
        ("full", {"freeze_blocks": 1}, [1, 1]),
        ("last-blocks", {"num_blocks": 1}, [1, 1]),
        ("head", {}, [1, 1]),
    ],
)
def test_what_is_below_the_lowest_that_moves_and_the_topmost_block_are_computed_once(
    tiny_folder, kind, options, expected
):
    forward, _ = _forward(tiny_folder, "bert", kind, **options)
    computed = Computed(forward.model)
    _step(forward, "on")
    assert computed.times == expected


def test_each_stage_computes_again_what_has_thawed_in_it(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean")
    loop = tiny.loop(model, tiny.rows(21, "mean"), tuning=THAWING, num_steps=8)
    computed = Computed(model)
    with recomputed(model, "on"):
        loop.fit()
    assert computed.times == [4 * 1 + 4 * 2, 8]


@pytest.mark.parametrize("tuning", [("full", {"head_first_epochs": 0.0}), THAWING])
def test_a_run_ends_at_the_same_weights(tiny_folder, tuning):
    ended = []
    for setting in ("off", "on"):
        model = tiny.load(tiny_folder("roberta"), dropout=0.2)
        loop = tiny.loop(
            model,
            tiny.rows(21),
            tuning=tuning,
            num_steps=8,
            micro_batch_size=3,
            precision="float32",
            learning_rate=1e-2,
        )
        with recomputed(model, setting):
            loop.fit()
        ended.append(tiny.weights(model))
    assert all(torch.equal(ended[0][name], ended[1][name]) for name in ended[0])


def test_what_is_kept_is_the_input_of_each_block(tiny_folder):
    forward, _ = _forward(tiny_folder, "bert")
    model = forward.model.train()
    batch = tiny.batch(model, tiny.rows(6, "mean"))
    kept = {}
    for setting in ("off", "on"):
        kept[setting] = 0

        def pack(tensor, setting=setting):
            kept[setting] += tensor.untyped_storage().nbytes()
            return tensor

        with recomputed(model, setting), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            forward(batch)
    assert kept["on"] < 0.7 * kept["off"]


@pytest.mark.parametrize("setting", ["on", "off", "auto"])
def test_it_leaves_no_trace(tiny_folder, setting):
    forward, _ = _forward(tiny_folder, "bert")
    blocks = forward.model.block_modules
    with recomputed(forward.model, setting):
        assert ["forward" in vars(block) for block in blocks] == [setting == "on", False]
    assert not any("forward" in vars(block) for block in blocks)


def test_an_error_inside_leaves_none_either(tiny_folder):
    forward, _ = _forward(tiny_folder, "bert")
    with pytest.raises(TypeError), recomputed(forward.model, "on"):
        forward.model.block_modules[0]()
    assert not any("forward" in vars(block) for block in forward.model.block_modules)


def test_a_forward_that_somebody_put_there_is_put_back(tiny_folder):
    forward, _ = _forward(tiny_folder, "bert")
    block = forward.model.block_modules[0]
    own, theirs = block.forward, []
    block.forward = lambda *args, **kwargs: theirs.append(1) or own(*args, **kwargs)
    placed = block.forward
    with recomputed(forward.model, "on"):
        forward(tiny.batch(forward.model, tiny.rows(2, "mean")))
    assert theirs
    assert block.forward is placed


def test_nothing_is_computed_again_where_nothing_learns(tiny_folder):
    forward, _ = _forward(tiny_folder, "bert")
    computed = Computed(forward.model)
    batch = tiny.batch(forward.model, tiny.rows(6, "mean"))
    with recomputed(forward.model, "on"), torch.no_grad():
        forward(batch)
    assert computed.times == [1, 1]
