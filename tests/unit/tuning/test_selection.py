"""Tunings that move some of the base's own weights: which ones, how fast, and when."""

import pytest
import torch

from afina.base.errors import RecipeError
from afina.engine.optimizing import Optimizing
from tests import tiny


@pytest.fixture
def build(tiny_folder):
    """A tuned model in float64 and in training mode, with the tuning and its report."""

    def build(kind, family="bert", **options):
        model = tiny.load(tiny_folder(family)).double()
        tuning, report = tiny.tuned(model, kind, **{**tiny.OPTIONS.get(kind, {}), **options})
        return model.train(), tuning, report

    return build


@pytest.mark.parametrize("kind", ["full", "head", "last-blocks", "bias", "norm"])
def test_the_base_s_own_weights_walk_in_a_straight_line(build, kind):
    model, tuning, report = build(kind)
    model.float()
    start = tuning.state(model)
    tiny.steps(model, report)
    end = tuning.state(model)
    for alpha in (0.25, 0.5, 0.9):
        tuning.interpolate(model, start, end, alpha)
        for name, weight in tuning.state(model).items():
            torch.testing.assert_close(weight, start[name] + alpha * (end[name] - start[name]), rtol=1e-6, atol=1e-7)
            low, high = torch.minimum(start[name], end[name]), torch.maximum(start[name], end[name])
            assert bool(((weight >= low - 1e-7) & (weight <= high + 1e-7)).all())


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
        tiny.outputs(model).square().sum().backward()
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
