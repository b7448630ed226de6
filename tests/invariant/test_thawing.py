"""Gradual unfreezing: what has not thawed has no gradient, no state and does not move, and each stage warms up anew."""

import pytest
import torch

from afina.base.errors import RecipeError
from tests import tiny

NUM_STEPS, STEPS_PER_EPOCH = 8, 3
BY_EPOCHS, BY_SHARE = {"gradual_unfreezing": 0.7}, {"gradual_unfreezing": "auto"}
STAGES = [*["head first"] * 2, *["from block 1 up"] * 2, *["everything"] * 4]


class Watching:
    """Keeps what the loop holds at every step."""

    priority = 100

    def __init__(self):
        self.loop = None
        self.steps = []
        self.before = {}

    def step_start(self, progress):
        self.before = tiny.weights(self.loop.model)

    def backward_done(self, progress):
        parameters = self.loop.optimizing.parameters
        self.with_gradient = {name for name, weight in parameters.items() if weight.grad is not None}

    def step_done(self, progress):
        now, state = tiny.weights(self.loop.model), self.loop.optimizing.state()
        moved = {name for name in now if not torch.equal(now[name], self.before[name])}
        held = {name.split("|")[0] for name in [*state.tensors, *state.values]}
        self.steps.append((progress.stage, self.with_gradient, moved, held, progress.learning_rate))

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def _loop(folder, family="bert", num_steps=NUM_STEPS, **options):
    watching, tuning = Watching(), ("full", options.pop("tuning", BY_EPOCHS))
    model = tiny.load(folder(family), "mean")
    watching.loop = tiny.loop(
        model, tiny.rows(21, "mean"), tuning=tuning, num_steps=num_steps, callbacks=[watching], **options
    )
    return watching.loop, watching


@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "muon", "sgd"])
def test_what_has_not_thawed_costs_nothing_and_stays(tiny_folder, family, optimizer):
    loop, watching = _loop(tiny_folder, family, optimizer=(optimizer, {}))
    loop.fit()
    thawed = {stage.name: stage.names for stage in loop.material.report.stages}
    assert [stage for stage, *_ in watching.steps] == STAGES
    for stage, with_gradient, moved, held, _ in watching.steps:
        assert with_gradient == thawed[stage]
        assert moved <= thawed[stage]
        assert held <= thawed[stage]
    # Along key biases a softmax does not change.
    assert all(name.endswith("key.bias") for name in thawed["everything"] - watching.steps[-1][2])


def test_each_stage_is_the_one_before_and_a_block_more(tiny_folder):
    loop, _ = _loop(tiny_folder, tuning={**BY_EPOCHS, "layer_decay": 0.5})
    head, upper, everything = (stage.names for stage in loop.material.report.stages)
    blocks = loop.model.blocks
    assert head == set(blocks.head)
    assert upper == {*blocks.head, *blocks.top, *blocks.blocks[1]}
    assert everything == set(loop.material.report.names) == {name for name, _ in loop.model.named_parameters()}
    scales = {group.name: group.learning_rate_scale for group in loop.material.report.groups}
    assert scales == {"embeddings": 0.25, "block 0": 0.5, "block 1": 1.0, "head": 1.0}


def test_what_is_frozen_never_thaws(tiny_folder):
    loop, _ = _loop(tiny_folder, tuning={**BY_EPOCHS, "freeze_blocks": 1})
    blocks = loop.model.blocks
    assert [stage.names for stage in loop.material.report.stages] == [
        set(blocks.head),
        {*blocks.head, *blocks.top, *blocks.blocks[1]},
    ]
    loop, _ = _loop(tiny_folder, tuning={**BY_EPOCHS, "freeze_blocks": 2})
    assert [stage.names for stage in loop.material.report.stages] == [set(blocks.head)]


@pytest.mark.parametrize("tuning", [BY_EPOCHS, BY_SHARE])
def test_the_learning_rate_rises_and_falls_in_each_stage(tiny_folder, tuning):
    loop, watching = _loop(tiny_folder, tuning=tuning, schedule=("linear", {"warm_up": 0.5}), learning_rate=1e-3)
    loop.fit()
    rates = [rate for *_, rate in watching.steps]
    expected = []
    for peak, length in ((1e-2, 2), (1e-3, 2), (1e-3, 4)):
        expected += [peak * loop.material.schedule(step, length) for step in range(length)]
    assert rates == pytest.approx(expected)
    assert [stage for stage, *_ in watching.steps] == STAGES
    assert rates[4] < rates[5] > rates[7]


@pytest.mark.parametrize("length", [1.0, "auto"])
def test_a_run_too_short_for_all_stages_is_refused(tiny_folder, length):
    num_steps = 2 if length == "auto" else 2 * STEPS_PER_EPOCH
    with pytest.raises(RecipeError) as error:
        _loop(tiny_folder, tuning={"gradual_unfreezing": length}, num_steps=num_steps)
    assert error.value.code == "E-TUNING-005"
    assert "'everything'" in str(error.value)
    assert "3 stages" in error.value.problem.expected
    _loop(tiny_folder, tuning={"gradual_unfreezing": length}, num_steps=num_steps + 1)


@pytest.mark.parametrize("epochs", [0, 1.5])
def test_two_ways_to_thaw_at_once_are_refused_with_the_recipe(epochs):
    from afina.recipe import reading

    tuning = {"kind": "full", "head_first_epochs": epochs, **BY_EPOCHS}
    with pytest.raises(RecipeError) as error:
        reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": tuning})
    assert error.value.problem.where == "tuning"
    assert "head_first_epochs" in str(error.value)
    tuning = {"kind": "full", "head_first_epochs": epochs, "gradual_unfreezing": "off"}
    reading.from_keywords({"base": "builtin:minilm", "data": "rows.csv", "tuning": tuning})


@pytest.mark.parametrize("value", [0, -1, "sometimes"])
def test_lengths_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="gradual_unfreezing"):
        tiny.technique("tuning", "full", gradual_unfreezing=value)
