"""The laws that every tuning keeps, on several families of encoders and with both poolings."""

import pytest
import torch

from afina.base import registry
from afina.base.errors import RecipeError
from afina.engine.optimizing import Optimizing
from tests import tiny

KINDS = registry.names("tuning")
FAMILIES = ("bert", "distilbert", "roberta")
INVARIANT = ("key.bias", "k_lin.bias")
"""Along key biases a softmax does not change: their gradient is zero but for rounding."""

every_tuning = pytest.mark.parametrize("kind", KINDS)
every_model = pytest.mark.parametrize(
    ("family", "pooling"), [(family, pooling) for family in FAMILIES for pooling in ("cls", "mean")]
)


@pytest.fixture
def build(tiny_folder):
    def build(kind, family="bert", pooling="cls", problem="single", **options):
        model = tiny.load(tiny_folder(family), pooling, problem).double()
        if kind == "last-blocks":
            options.setdefault("num_blocks", 1)
        if kind == "full":
            options.setdefault("head_first_epochs", 0.0)
        tuning, report = tiny.tuned(model, kind, **options)
        return model.train(), tuning, report

    return build


def _outputs(model, seed=7):
    batch = tiny.batch(model, tiny.rows(6, model.spec.pooling, model.spec.problem, seed=seed))
    return model(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))


def _steps(model, report, count=3, optimizer="adamw"):
    optimizing = Optimizing.over(model, report.groups, tiny.technique("engine.optimizers", optimizer))
    for step in range(count):
        _outputs(model, seed=step).square().sum().backward()
        optimizing.step(1e-2)
        optimizing.forget_gradients()
    return optimizing


@every_tuning
@every_model
def test_exactly_what_is_reported_gets_a_gradient(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    _outputs(model).square().sum().backward()
    parameters = dict(model.named_parameters())
    with_gradient = {name for name, parameter in parameters.items() if parameter.grad is not None}
    assert with_gradient == set(report.names)
    largest = max(float(parameters[name].grad.abs().max()) for name in report.names)
    dead = {name for name in report.names if float(parameters[name].grad.abs().max()) < 1e-12 * largest}
    assert all(name.endswith(INVARIANT) for name in dead), dead


@every_tuning
@every_model
def test_groups_hold_what_moves_exactly_once(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    parameters = dict(model.named_parameters())
    moving = {name for name, parameter in parameters.items() if parameter.requires_grad}
    assert len(report.names) == len(set(report.names))
    assert set(report.names) == moving
    assert report.num_trainable == sum(parameters[name].numel() for name in moving)
    assert report.num_total == sum(parameter.numel() for parameter in parameters.values())
    assert set().union(*(stage.names for stage in report.stages)) == moving
    assert [stage.epochs is stage.share is None for stage in report.stages].index(True) == len(report.stages) - 1
    assert all(group.decays == (parameters[name].ndim > 1) for group in report.groups for name in group.names)
    assert set(model.blocks.head) <= moving
    assert report.learning_rate > 0
    assert report.learning_rate_reason


@every_tuning
@every_model
def test_what_is_frozen_stays_bit_for_bit_and_costs_nothing(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    before = tiny.weights(model)
    optimizing = _steps(model, report)
    after = dict(model.named_parameters())
    frozen = set(before) - set(report.names)
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert all(not torch.equal(before[name], after[name]) for name in report.names)
    held = {id(parameter) for parameter in optimizing.optimizer.state}
    assert held == {id(after[name]) for name in report.names}
    assert {name.split("|")[0] for name in optimizing.state().tensors} == set(report.names)


@every_tuning
@every_model
def test_a_part_in_which_nothing_moves_is_in_evaluation_mode(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    for depth, block in enumerate(model.block_modules):
        moves = any(parameter.requires_grad for parameter in block.parameters())
        assert block.training is moves
        assert all(module.training is moves for module in block.modules()), depth
    if not set(report.names).intersection(model.blocks.embeddings):
        assert not model.encoder.embeddings.training
        assert report.frozen_blocks <= len(model.blocks.blocks)
    assert not any(module.training for module in model.eval().modules())


@every_tuning
def test_dropout_of_a_frozen_part_is_off_and_of_a_moving_part_on(tiny_folder, kind):
    model = tiny.load(tiny_folder("bert"), dropout=0.5)
    _, report = tiny.tuned(model, kind, **({"num_blocks": 1} if kind == "last-blocks" else {}))
    model.train()
    batch = tiny.batch(model, tiny.rows(4))
    seen = {}
    for depth, block in enumerate(model.block_modules):
        block.register_forward_hook(
            lambda _, __, output, depth=depth: seen.setdefault(depth, []).append(output.detach())
        )
    for _ in range(2):
        model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    for depth, (one, other) in seen.items():
        assert torch.equal(one, other) is (depth < report.frozen_blocks)


@every_tuning
@every_model
def test_state_loaded_gives_the_same_outputs_bit_for_bit(build, kind, family, pooling):
    model, tuning, report = build(kind, family, pooling)
    _steps(model, report)
    state = tuning.state(model)
    assert set(state) == set(report.names)
    other, other_tuning, _ = build(kind, family, pooling)
    assert not torch.equal(_outputs(model.eval()), _outputs(other.eval()))
    other_tuning.load(other, state)
    assert torch.equal(_outputs(model), _outputs(other))
    # A state is a copy: what the model does next leaves it alone.
    kept = {name: weight.clone() for name, weight in state.items()}
    _steps(model.train(), report)
    assert all(torch.equal(kept[name], state[name]) for name in kept)


@every_tuning
@every_model
def test_a_fresh_tuning_leaves_the_outputs_unchanged(tiny_folder, kind, family, pooling):
    model = tiny.load(tiny_folder(family), pooling).double().eval()
    plain = _outputs(model)
    tuning, _ = tiny.tuned(model, kind, **({"num_blocks": 1} if kind == "last-blocks" else {}))
    assert torch.equal(plain, _outputs(model))
    tuning.merge(model)
    assert torch.equal(plain, _outputs(model))


@every_tuning
def test_the_way_between_two_states_meets_its_ends_bit_for_bit(build, kind):
    model, tuning, report = build(kind)
    model.float()
    start = tuning.state(model)
    _steps(model, report)
    end = tuning.state(model)
    for alpha, expected in ((0.0, start), (1.0, end)):
        tuning.interpolate(model, start, end, alpha)
        assert all(torch.equal(weight, expected[name]) for name, weight in tuning.state(model).items())
    for alpha in (0.25, 0.5, 0.9):
        tuning.interpolate(model, start, end, alpha)
        for name, weight in tuning.state(model).items():
            torch.testing.assert_close(weight, start[name] + alpha * (end[name] - start[name]), rtol=1e-6, atol=1e-7)
            low, high = torch.minimum(start[name], end[name]), torch.maximum(start[name], end[name])
            assert bool(((weight >= low - 1e-7) & (weight <= high + 1e-7)).all())


@every_tuning
def test_a_tuning_says_what_it_works_on(kind):
    tuning = tiny.technique("tuning", kind)
    assert tuning.supports <= {"encoder", "decoder"}
    assert isinstance(dict(tuning.requires), dict)


def test_head_moves_the_head_alone(build):
    model, _, report = build("head")
    assert set(report.names) == set(model.blocks.head)
    assert report.frozen_blocks == 2


def test_bias_moves_biases_and_norm_moves_norms(build):
    model, _, report = build("bias")
    head = set(model.blocks.head)
    assert {name for name in report.names if name not in head} == {
        name for name, _ in model.named_parameters() if name.endswith(".bias") and name not in head
    }
    model, _, report = build("norm")
    assert set(report.names) - head == {name for name, _ in model.named_parameters() if "LayerNorm" in name}


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_last_blocks_moves_the_last_blocks_and_what_is_above(build, num_blocks):
    model, _, report = build("last-blocks", num_blocks=num_blocks)
    moving = [name for block in model.blocks.blocks[2 - num_blocks :] for name in block]
    assert set(report.names) == {*moving, *model.blocks.top, *model.blocks.head}
    assert report.frozen_blocks == 2 - num_blocks


def test_last_blocks_of_a_model_with_shared_positions_leaves_them_alone(build):
    model, _, report = build("last-blocks", "mpnet")
    shared = {name for name, _ in model.named_parameters() if "relative_attention_bias" in name}
    assert shared
    assert not shared & set(report.names)


def test_freezing_the_lowest_blocks_freezes_the_embeddings_too(build):
    model, _, report = build("full", freeze_blocks=1)
    frozen = {*model.blocks.embeddings, *model.blocks.blocks[0]}
    assert set(report.names) == {name for name, _ in model.named_parameters()} - frozen
    assert report.frozen_blocks == 1
    model, _, report = build("full", freeze_blocks=2)
    assert set(report.names) == {*model.blocks.top, *model.blocks.head}
    assert report.frozen_blocks == 2
    assert build("full")[2].frozen_blocks == 0


def test_layer_decay_makes_each_block_slower_than_the_one_above(build):
    _, _, report = build("full", layer_decay=0.5)
    scales = {group.name: group.learning_rate_scale for group in report.groups}
    assert scales == {"embeddings": 0.25, "block 0": 0.5, "block 1": 1.0, "top": 1.0, "head": 1.0}
    assert {group.learning_rate_scale for group in build("full")[2].groups} == {1.0}


def test_layer_decay_is_what_a_step_of_gradient_descent_shows(build):
    plain, _, report = build("full")
    slow, _, slow_report = build("full", layer_decay=0.5)
    start = tiny.weights(plain)
    for model, its_report in ((plain, report), (slow, slow_report)):
        optimizing = Optimizing.over(model, its_report.groups, tiny.technique("engine.optimizers", "sgd", momentum=0.0))
        _outputs(model).square().sum().backward()
        optimizing.step(1e-3)
    fast, moved = tiny.weights(plain), tiny.weights(slow)
    for group in slow_report.groups:
        for name in group.names:
            expected = group.learning_rate_scale * (fast[name] - start[name])
            torch.testing.assert_close(moved[name] - start[name], expected, rtol=1e-9, atol=1e-15)


def test_head_first_has_two_stages(build):
    model, _, report = build("full", head_first_epochs=1.5)
    first, second = report.stages
    assert first.names == set(model.blocks.head)
    assert first.epochs == 1.5
    assert first.learning_rate is not None
    assert second.names == set(report.names)
    assert len(build("full")[2].stages) == 1
    automatic = build("full", head_first_epochs="auto")[2].stages
    assert [(stage.name, stage.share) for stage in automatic] == [("head first", 0.2), ("everything", None)]


@pytest.mark.parametrize(
    ("kind", "options", "code", "where"),
    [
        ("full", {"freeze_blocks": 3}, "E-TUNING-001", "tuning.full.freeze_blocks"),
        ("last-blocks", {"num_blocks": 3}, "E-TUNING-002", "tuning.last-blocks.num_blocks"),
    ],
)
def test_more_blocks_than_there_are_is_refused(build, kind, options, code, where):
    with pytest.raises(RecipeError) as error:
        build(kind, **options)
    assert error.value.code == code
    assert error.value.problem.where == where
    assert "2 blocks" in str(error.value)


def test_bias_without_biases_is_refused(build):
    with pytest.raises(RecipeError) as error:
        build("bias", "modernbert")
    assert error.value.code == "E-TUNING-003"


@pytest.mark.parametrize(
    "options", [{"layer_decay": 0.0}, {"layer_decay": 1.1}, {"head_first_epochs": -1}, {"freeze_blocks": -1}]
)
def test_values_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tiny.technique("tuning", "full", **options)


def test_the_automatic_rate_follows_the_width(build, monkeypatch):
    small = build("full")[2].learning_rate
    monkeypatch.setattr("afina.tuning.full.SMALL_WIDTH", 8)
    assert build("full")[2].learning_rate < small
