"""The proof that a run's result is what it claims: planted faults are found, and what cannot learn is exempt."""

from dataclasses import replace

import pytest
import torch

from afina.base.errors import QualityError
from afina.run import shipping
from tests import tiny


@pytest.fixture
def trained(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    loop = tiny.loop(model, tiny.rows(24), precision="float32")
    loop.fit()
    return model, loop


def _refused(code, check, *arguments):
    with pytest.raises(QualityError) as error:
        check(*arguments)
    assert error.value.code == code
    assert error.value.exit_code == 7
    return str(error.value)


def test_a_healthy_run_has_nothing_to_list(trained):
    model, loop = trained
    assert shipping.check_learning(model, loop.material.report, loop.gradient_seen) == []


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "mpnet", "megatron-bert"])
def test_key_biases_are_exempt_on_every_family(tiny_folder, family):
    model = tiny.load(tiny_folder(family))
    loop = tiny.loop(model, tiny.rows(24))
    loop.fit()
    seen = loop.gradient_seen
    floor = 1e-12 * max(seen.values())
    dead = {name for name, largest in seen.items() if largest <= floor}
    assert dead
    assert all(name.endswith(tuple(shipping.INVARIANT)) for name in dead)
    assert shipping.check_learning(model, loop.material.report, seen) == []


def test_a_dead_block_fails_the_run(trained):
    model, loop = trained
    dead = dict.fromkeys(model.blocks.blocks[1], 0.0)
    sentence = _refused(
        "E-CHECK-002", shipping.check_learning, model, loop.material.report, {**loop.gradient_seen, **dead}
    )
    assert "block 1" in sentence


def test_a_block_cut_off_from_the_loss_is_found_by_training(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean")
    loop = tiny.loop(model, tiny.rows(24, "mean"), precision="float32")
    # A detour: the last block's work is thrown away, its input handed on.
    model.block_modules[1].register_forward_hook(lambda _, inputs, output: inputs[0])
    loop.fit()
    assert "block 1" in _refused(
        "E-CHECK-002", shipping.check_learning, model, loop.material.report, loop.gradient_seen
    )


def test_one_dead_weight_is_listed_and_does_not_fail_the_run(trained):
    model, loop = trained
    name = model.blocks.blocks[0][0]
    problems = shipping.check_learning(
        model, loop.material.report, {**loop.gradient_seen, name: 1e-9 * max(loop.gradient_seen.values())}
    )
    assert [problem.where for problem in problems] == [name]


def test_what_a_stopped_run_never_came_to_is_not_called_dead(tiny_folder):
    model = tiny.load(tiny_folder("bert"))

    class Stop:
        priority = 1

        def step_done(self, progress):
            progress.stop_reason = "asked to"

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            pass

    loop = tiny.loop(model, tiny.rows(24), tuning=("full", {"head_first_epochs": 1.0}), callbacks=[Stop()])
    loop.fit()
    assert set(loop.gradient_seen) == set(model.blocks.head)
    assert shipping.check_learning(model, loop.material.report, loop.gradient_seen) == []


def test_a_late_first_gradient_counts(trained):
    model, loop = trained
    name = model.blocks.blocks[0][0]
    gradient = loop.gradient_seen[name]
    loop.gradient_seen[name] = 1e-12 * gradient
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    loop._note_gradients()
    assert loop.gradient_seen[name] == pytest.approx(gradient)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_fail_the_run(trained, value):
    model, loop = trained
    with torch.no_grad():
        dict(model.named_parameters())[model.blocks.top[0]][0] = value
    sentence = _refused("E-CHECK-001", shipping.check_learning, model, loop.material.report, loop.gradient_seen)
    assert model.blocks.top[0] in sentence


def test_a_frozen_weight_that_moved_by_one_bit_fails_the_run(tiny_folder):
    model, base = tiny.load(tiny_folder("bert")), tiny.load(tiny_folder("bert"))
    loop = tiny.loop(model, tiny.rows(24), tuning=("last-blocks", {"num_blocks": 1}), precision="float32")
    loop.fit()
    shipping.check_frozen(model, base, loop.material.report)
    name = model.blocks.blocks[0][0]
    weight = dict(model.named_parameters())[name]
    with torch.no_grad():
        weight[0, 0] = torch.nextafter(weight[0, 0], torch.tensor(9.0))
    assert name in _refused("E-CHECK-003", shipping.check_frozen, model, base, loop.material.report)
    everything = replace(loop.material.report, groups=tiny.tuned(model, "full")[1].groups)
    shipping.check_frozen(model, base, everything)
