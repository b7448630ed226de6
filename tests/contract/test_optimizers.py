"""The laws that every optimiser keeps, alone and across a checkpoint."""

import pytest
import torch
from torch import nn

from afina.base import registry
from afina.engine import checkpoint
from afina.engine.optimizing import Optimizing
from afina.tuning.contract import Group
from tests import tiny

KINDS = registry.names("engine.optimizers")
SHAPES = {
    "embeddings.table": (7, 4),
    "block.matrix": (4, 6),
    "block.square": (4, 4),
    "block.kernel": (3, 2, 2),
    "block.bias": (6,),
    "head.matrix": (2, 4),
}
GROUPS = (
    Group("embeddings", ("embeddings.table",)),
    Group("block 0", ("block.matrix", "block.square")),
    Group("block 1", ("block.kernel",)),
    Group("block 1", ("block.bias",), decays=False),
    Group("head", ("head.matrix",)),
)
every_optimizer = pytest.mark.parametrize("kind", KINDS)
every_precision = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


class _Weights(nn.Module):
    """A bag of parameters with the names above."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        for name, shape in SHAPES.items():
            self.register_parameter(
                name.replace(".", "_"), nn.Parameter(torch.randn(shape, generator=draw, dtype=dtype))
            )

    def named_parameters(self, *_, **__):
        return [(name, getattr(self, name.replace(".", "_"))) for name in SHAPES]


def _optimizing(kind, model, groups=GROUPS, **options):
    return Optimizing.over(model, groups, tiny.technique("engine.optimizers", kind, **options))


def _steps(optimizing, model, steps, rate=1e-2):
    for step in steps:
        draw = torch.Generator().manual_seed(step)
        for _, parameter in model.named_parameters():
            parameter.grad = torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype)
        optimizing.step(rate / (1 + step))  # A rate that changes, as a schedule changes it.
        optimizing.forget_gradients()


def _same(one, other):
    return all(
        torch.equal(mine, theirs)
        for (_, mine), (_, theirs) in zip(one.named_parameters(), other.named_parameters(), strict=True)
    )


@every_optimizer
@every_precision
def test_every_weight_with_a_gradient_moves_and_no_other(kind, dtype):
    model = _Weights(dtype)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizing = _optimizing(kind, model)
    for name, parameter in model.named_parameters():
        if name != "block.square":
            parameter.grad = torch.ones_like(parameter)
    optimizing.step(1e-2)
    still = {name for name, parameter in model.named_parameters() if torch.equal(before[name], parameter)}
    assert still == {"block.square"}
    optimizing.forget_gradients()
    assert optimizing.gradients() == []


@every_optimizer
@every_precision
def test_state_loaded_into_a_fresh_one_goes_on_bit_for_bit(kind, dtype, tmp_path):
    model = _Weights(dtype)
    optimizing = _optimizing(kind, model)
    _steps(optimizing, model, range(3))
    checkpoint.save(tmp_path, 3, {"optimizer": optimizing.state()})
    saved = checkpoint.at(tmp_path, 3).read()["optimizer"]
    twin = _Weights(dtype)
    twin.load_state_dict(model.state_dict())
    fresh = _optimizing(kind, twin)
    _steps(fresh, twin, [99])  # What it had of its own is replaced.
    twin.load_state_dict(model.state_dict())
    fresh.load(saved)
    _steps(optimizing, model, range(3, 6))
    _steps(fresh, twin, range(3, 6))
    assert _same(model, twin)


@every_optimizer
def test_without_its_state_it_would_not_go_on_the_same(kind):
    model = _Weights()
    optimizing = _optimizing(kind, model)
    _steps(optimizing, model, range(3))
    twin = _Weights()
    twin.load_state_dict(model.state_dict())
    _steps(optimizing, model, range(3, 5))
    _steps(_optimizing(kind, twin), twin, range(3, 5))
    different = [
        name
        for (name, one), (_, other) in zip(model.named_parameters(), twin.named_parameters(), strict=True)
        if not torch.equal(one, other)
    ]
    assert different == list(SHAPES)


@every_optimizer
def test_every_moving_weight_has_its_state_under_its_name(kind):
    model = _Weights()
    optimizing = _optimizing(kind, model)
    assert not optimizing.state().tensors
    _steps(optimizing, model, range(2))
    assert {key.split("|")[0] for key in optimizing.state().tensors} == set(SHAPES)


@every_optimizer
def test_a_state_from_before_the_first_step_can_be_loaded(kind):
    model, twin = _Weights(), _Weights()
    fresh = _optimizing(kind, twin)
    fresh.load(_optimizing(kind, model).state())
    _steps(_optimizing(kind, model), model, range(2))
    _steps(fresh, twin, range(2))
    assert _same(model, twin)


@every_optimizer
def test_a_groups_scale_is_a_factor_on_its_learning_rate(kind):
    scaled_groups = tuple(Group(group.name, group.names, 0.5, group.decays) for group in GROUPS)
    model, twin = _Weights(torch.float64), _Weights(torch.float64)
    _steps(_optimizing(kind, model, scaled_groups), model, range(3), rate=1e-2)
    _steps(_optimizing(kind, twin), twin, range(3), rate=0.5e-2)
    assert _same(model, twin)


@every_optimizer
def test_only_the_scaled_group_is_slowed(kind):
    one_slow = tuple(
        Group(group.name, group.names, 0.5 if group.name == "head" else 1.0, group.decays) for group in GROUPS
    )
    model, twin = _Weights(), _Weights()
    _steps(_optimizing(kind, model, one_slow), model, range(2))
    _steps(_optimizing(kind, twin), twin, range(2))
    different = {
        name
        for (name, one), (_, other) in zip(model.named_parameters(), twin.named_parameters(), strict=True)
        if not torch.equal(one, other)
    }
    assert different == {"head.matrix"}


@every_optimizer
def test_a_rate_of_zero_moves_nothing(kind):
    model, twin = _Weights(), _Weights()
    _steps(_optimizing(kind, model, weight_decay=0.1), model, range(2), rate=0.0)
    assert _same(model, twin)


@every_optimizer
def test_weight_decay_shrinks_matrices_alone(kind):
    model, twin = _Weights(torch.float64), _Weights(torch.float64)
    optimizing = _optimizing(kind, model, weight_decay=0.1)
    for _, parameter in model.named_parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizing.step(1e-2)
    for (name, now), (_, before) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        # Descent's decay is part of the gradient, so Nesterov's look ahead counts it nearly twice.
        share = 1.9e-3 if kind == "sgd" else 1e-3
        expected = before if name == "block.bias" else before * (1 - share)
        # Adafactor's own rate follows the size of a weight, so there only the direction is known.
        if kind != "adafactor" or name == "block.bias":
            torch.testing.assert_close(now, expected, rtol=1e-12, atol=0)
        else:
            assert float(now.detach().norm()) < float(before.detach().norm())


def test_adamw_is_the_papers_algorithm():
    model, twin = _Weights(torch.float64), _Weights(torch.float64)
    _steps(_optimizing("adamw", model, weight_decay=0.1), model, range(4))
    moments = {name: [torch.zeros(shape).double(), torch.zeros(shape).double()] for name, shape in SHAPES.items()}
    with torch.no_grad():
        for step in range(4):
            draw = torch.Generator().manual_seed(step)
            for name, weight in twin.named_parameters():
                gradient = torch.randn(weight.shape, generator=draw, dtype=weight.dtype)
                mean, square = moments[name]
                mean.mul_(0.9).add_(0.1 * gradient)
                square.mul_(0.999).add_(0.001 * gradient**2)
                corrected = (mean / (1 - 0.9 ** (step + 1))) / ((square / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)
                weight.sub_(1e-2 / (1 + step) * (corrected + (0.0 if name == "block.bias" else 0.1) * weight))
    for (_, ours), (_, reference) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-12, atol=1e-14)


def test_adamw_is_torchs_own():
    model, twin = _Weights(), _Weights()
    _steps(_optimizing("adamw", model), model, range(4))
    reference = torch.optim.AdamW(list(twin.parameters()), lr=1e-2, weight_decay=0.0, fused=True)
    for step in range(4):
        draw = torch.Generator().manual_seed(step)
        for _, parameter in twin.named_parameters():
            parameter.grad = torch.randn(parameter.shape, generator=draw)
        reference.param_groups[0]["lr"] = 1e-2 / (1 + step)
        reference.step()
    assert _same(model, twin)


def test_sgd_with_nesterov_is_its_formula():
    model, twin = _Weights(torch.float64), _Weights(torch.float64)
    _steps(_optimizing("sgd", model), model, range(3))
    velocity = {name: torch.zeros(shape).double() for name, shape in SHAPES.items()}
    with torch.no_grad():
        for step in range(3):
            draw = torch.Generator().manual_seed(step)
            for name, weight in twin.named_parameters():
                gradient = torch.randn(weight.shape, generator=draw, dtype=weight.dtype)
                velocity[name] = 0.9 * velocity[name] + gradient
                weight.sub_(1e-2 / (1 + step) * (gradient + 0.9 * velocity[name]))
    for (_, ours), (_, reference) in zip(model.named_parameters(), twin.named_parameters(), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-12, atol=1e-14)


def test_muon_makes_the_steps_of_block_matrices_orthogonal_and_of_nothing_else():
    model, twin, plain = _Weights(), _Weights(), _Weights()
    _steps(_optimizing("muon", model), model, [0])
    _steps(_optimizing("adamw", plain), plain, [0])
    for (name, now), (_, before), (_, adam) in zip(
        model.named_parameters(), twin.named_parameters(), plain.named_parameters(), strict=True
    ):
        if name in {"block.matrix", "block.square"}:
            sizes = torch.linalg.svdvals((now - before).detach()) / (1e-2 * 0.2 * max(now.shape) ** 0.5)
            assert bool(((sizes > 0.5) & (sizes < 1.3)).all()), sizes
        else:
            assert torch.equal(now, adam), name


def test_adafactor_keeps_a_row_and_a_column_of_each_matrix():
    model = _Weights()
    optimizing = _optimizing("adafactor", model)
    _steps(optimizing, model, [0])
    sizes = {key: value.numel() for key, value in optimizing.state().tensors.items()}
    assert sizes["block.matrix|row_var"] == 4
    assert sizes["block.matrix|col_var"] == 6
