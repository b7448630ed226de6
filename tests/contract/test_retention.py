"""The laws that every retention keeps, and the formulas of those there are."""

import pytest
import torch

from afina.base import registry
from afina.retention.contract import Path
from tests import tiny

KINDS = registry.names("retention")
every_retention = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def model(tiny_folder):
    model = tiny.load(tiny_folder("bert"), "mean").double()
    tiny.tuned(model, "full")
    return model


def _prepared(kind, model, **options):
    retention = tiny.technique("retention", kind, **options)
    retention.prepare(model, frozenset(model.blocks.head))
    return retention


def _shake(model, seed=0):
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype))


class _Way:
    """A way whose score is a table; it remembers where the model stands."""

    def __init__(self, scores):
        self.scores, self.at, self.visited = scores, None, []

    def path(self):
        return Path(self._move, lambda: self.scores(self.at))

    def _move(self, alpha):
        self.at = alpha
        self.visited.append(alpha)


@every_retention
def test_a_penalty_is_a_scalar_with_a_gradient_or_nothing(kind, model):
    retention = _prepared(kind, model)
    penalty = retention.penalty(model)
    if penalty is None:
        return
    assert penalty.shape == ()
    _shake(model)
    assert retention.penalty(model).item() > penalty.item()
    retention.penalty(model).backward()
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


@every_retention
def test_preparing_changes_no_weight_and_draws_no_random_number(kind, model):
    before, random_state = tiny.weights(model), torch.get_rng_state()
    retention = _prepared(kind, model)
    retention.penalty(model)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())
    assert torch.equal(random_state, torch.get_rng_state())


@every_retention
def test_finishing_leaves_the_model_where_it_says(kind):
    way = _Way(lambda alpha: -((alpha - 0.7) ** 2))
    outcome = tiny.technique("retention", kind).finish(way.path())
    assert way.at is None or way.at == outcome.alpha
    assert (outcome.curve is None) == (not way.visited)
    if way.at is None:
        assert outcome.alpha == 1.0


def test_l2_sp_is_the_papers_formula(model):
    retention = _prepared("l2-sp", model, alpha=0.3, beta=0.02)
    start = tiny.weights(model)
    _shake(model)
    head = set(model.blocks.head)
    moved = sum((w - start[name]).square().sum().item() for name, w in model.named_parameters() if name not in head)
    fresh = sum(weight.square().sum().item() for name, weight in model.named_parameters() if name in head)
    assert retention.penalty(model).item() == pytest.approx(0.15 * moved + 0.01 * fresh, rel=1e-12)


def test_l2_sp_gradient_is_that_of_finite_differences(model):
    retention = _prepared("l2-sp", model, alpha=0.3, beta=0.02)
    _shake(model)
    retention.penalty(model).backward()
    for name, parameter in model.named_parameters():
        place = tuple(size // 2 for size in parameter.shape)
        values = []
        for step in (1e-6, -2e-6):
            with torch.no_grad():
                parameter[place] += step
            values.append(retention.penalty(model).item())
        slope = (values[0] - values[1]) / 2e-6
        assert float(parameter.grad[place]) == pytest.approx(slope, rel=1e-4, abs=1e-8), name


def test_l2_sp_asks_nothing_of_weights_that_do_not_move(model):
    tiny.tuned(model, "head")
    retention = _prepared("l2-sp", model)
    with torch.no_grad():
        dict(model.named_parameters())[model.blocks.blocks[0][0]].add_(1.0)
    head = set(model.blocks.head)
    fresh = sum(weight.square().sum().item() for name, weight in model.named_parameters() if name in head)
    assert retention.penalty(model).item() == pytest.approx(0.005 * fresh, rel=1e-12)


def test_l2_sp_remembers_a_stage_in_which_a_weight_rested(model):
    retention = _prepared("l2-sp", model, alpha=1.0, beta=0.0)
    block = dict(model.named_parameters())[model.blocks.blocks[0][0]]
    block.requires_grad_(False)
    assert retention.penalty(model).item() == 0.0
    block.requires_grad_(True)
    with torch.no_grad():
        block.add_(1.0)
    assert retention.penalty(model).item() == pytest.approx(0.5 * block.numel(), rel=1e-12)


@pytest.mark.parametrize("num_points", [2, 5, 11])
def test_wise_ft_scores_the_whole_way_and_takes_the_best(num_points):
    way = _Way(lambda alpha: -abs(alpha - 0.5))
    outcome = tiny.technique("retention", "wise-ft", num_points=num_points).finish(way.path())
    assert list(outcome.curve) == pytest.approx([point / (num_points - 1) for point in range(num_points)])
    assert way.visited[:-1] == list(outcome.curve)
    assert outcome.alpha == (0.0 if num_points == 2 else 0.5)
    assert way.at == outcome.alpha


def test_wise_ft_gives_a_tie_to_the_point_nearest_the_start():
    way = _Way(lambda alpha: 1.0 if alpha >= 0.3 else 0.0)
    outcome = tiny.technique("retention", "wise-ft").finish(way.path())
    assert outcome.alpha == pytest.approx(0.3)


def test_wise_ft_keeps_a_given_point_and_still_shows_the_curve():
    way = _Way(lambda alpha: alpha)
    outcome = tiny.technique("retention", "wise-ft", alpha=0.25, num_points=3).finish(way.path())
    assert outcome.alpha == way.at == 0.25
    assert list(outcome.curve) == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_wise_ft_ends_are_base_and_tuned_weights_bit_for_bit(model, alpha):
    tuning, _ = tiny.tuned(model, "full")
    start = tuning.state(model)
    _shake(model)
    end = tuning.state(model)
    path = Path(lambda point: tuning.interpolate(model, start, end, point), lambda: 0.0)
    tiny.technique("retention", "wise-ft", alpha=alpha).finish(path)
    expected = end if alpha else start
    assert all(torch.equal(weight, expected[name]) for name, weight in tuning.state(model).items())
