"""The laws that every objective keeps: a sum and a count, whatever the split; and its losses are plain arithmetic."""

import numpy as np
import pytest
import torch

from afina.base import registry
from afina.base.errors import RecipeError
from afina.base.types import Aids, Batch
from tests import tiny

KINDS = registry.names("objectives")
OPTIONS = {
    "supervised": [
        {},
        {"label_smoothing": 0.1},
        {"class_weights": "balanced"},
        {"class_weights": (0.5, 1.0, 3.0)},
        {"focal_gamma": 2.0},
        {"label_smoothing": 0.2, "class_weights": (2.0, 1.0, 0.1), "focal_gamma": 1.5},
    ]
}
CASES = [(kind, options) for kind in KINDS for options in OPTIONS.get(kind, [{}])]
PROBLEMS = ("single", "multi", "regression")
AIDS = Aids(class_counts=np.array([10, 4, 0]))

every_case = pytest.mark.parametrize(("kind", "options"), CASES, ids=str)
every_problem = pytest.mark.parametrize("problem", PROBLEMS)


def _batch(problem, num_rows, seed=0):
    draw = torch.Generator().manual_seed(seed)
    targets = {
        "single": torch.randint(3, (num_rows,), generator=draw),
        "multi": torch.randint(2, (num_rows, 3), generator=draw).float(),
        "regression": torch.randn(num_rows, generator=draw),
    }[problem]
    ids = torch.zeros(num_rows, 1, dtype=torch.int64)
    return Batch(np.arange(num_rows), ids, ids.bool(), targets=targets, target_kind=tiny.kind_of(problem))


def _outputs(problem, num_rows, seed=1):
    draw = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(num_rows, 1 if problem == "regression" else 3, generator=draw, dtype=torch.float64)


def _loss(objective, problem, outputs, batch):
    return objective.step(lambda _: outputs, batch, AIDS)


def _part(batch, places):
    return Batch(
        batch.rows[places.numpy().reshape(-1)], batch.input_ids[places], batch.attention_mask[places],
        targets=batch.targets[places], target_kind=batch.target_kind,
    )  # fmt: skip


@every_case
@every_problem
def test_sums_and_counts_add_up_over_any_split(kind, options, problem):
    objective = tiny.technique("objectives", kind, **options)
    batch, outputs = _batch(problem, 11), _outputs(problem, 11)
    whole = _loss(objective, problem, outputs, batch)
    for cuts in ([11], [1] * 11, [4, 4, 3], [10, 1]):
        pieces = [_loss(objective, problem, outputs[part], _part(batch, part)) for part in torch.arange(11).split(cuts)]
        assert sum(piece.num_targets for piece in pieces) == whole.num_targets
        total = float(sum(piece.loss_sum for piece in pieces))
        assert total == pytest.approx(float(whole.loss_sum), rel=1e-12)
        for name, value in whole.metrics.items():
            assert sum(piece.metrics[name] for piece in pieces) == pytest.approx(value, rel=1e-12)


@every_case
@every_problem
def test_the_order_of_rows_does_not_matter(kind, options, problem):
    objective = tiny.technique("objectives", kind, **options)
    batch, outputs = _batch(problem, 9), _outputs(problem, 9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(3))
    one = _loss(objective, problem, outputs, batch)
    other = _loss(objective, problem, outputs[order], _part(batch, order))
    assert float(other.loss_sum) == pytest.approx(float(one.loss_sum), rel=1e-12)


@every_case
@every_problem
def test_padding_does_not_matter(tiny_folder, kind, options, problem):
    model = tiny.load(tiny_folder("bert"), "mean", problem).double().eval()
    objective = tiny.technique("objectives", kind, **options)
    rows = tiny.rows(4, "mean", problem, seed=5)

    def forward(batch):
        return model(batch.input_ids, batch.attention_mask, batch.token_type_ids)

    short = tiny.batch(model, rows)
    # A long neighbour pads the same rows further.
    long = tiny.rows(1, "mean", problem, seed=6, longest=40)
    padded = tiny.batch(model, [*rows, *long])
    assert padded.input_ids.shape[1] != short.input_ids.shape[1]
    alone = objective.step(forward, short, AIDS).loss_sum
    neighbour = objective.step(forward, tiny.batch(model, long), AIDS).loss_sum
    together = objective.step(forward, padded, AIDS).loss_sum
    assert (together - neighbour).item() == pytest.approx(alone.item(), rel=1e-10)


@every_case
@every_problem
def test_gradients_are_those_of_finite_differences(kind, options, problem):
    objective = tiny.technique("objectives", kind, **options)
    batch = _batch(problem, 4)
    outputs = _outputs(problem, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: _loss(objective, problem, values, batch).loss_sum, (outputs,))


@pytest.mark.parametrize("kind", KINDS)
def test_an_objective_says_what_it_needs(kind):
    objective = tiny.technique("objectives", kind)
    assert objective.needs <= set(Aids.__dataclass_fields__)
    assert isinstance(objective.columns, frozenset)


def test_balanced_weights_need_the_class_counts():
    assert tiny.technique("objectives", "supervised", class_weights="balanced").needs == {"class_counts"}
    assert tiny.technique("objectives", "supervised").needs == frozenset()


def _reference(problem, outputs, targets, label_smoothing=0.0, weights=None, gamma=0.0):
    """The losses written out in numpy, row by row, as the papers have them."""
    losses = []
    for logits, target in zip(outputs, targets, strict=True):
        if problem == "regression":
            losses.append((logits[0] - target) ** 2)
        elif problem == "multi":
            probability = 1 / (1 + np.exp(-logits))
            right = np.where(target > 0.5, probability, 1 - probability)
            factor = np.ones(3) if weights is None else weights
            losses.append(np.mean(factor * (1 - right) ** gamma * -np.log(right)))
        else:
            log_probability = logits - np.log(np.exp(logits).sum())
            wanted = np.full(3, label_smoothing / 3)
            wanted[target] += 1 - label_smoothing
            factor = np.ones(3) if weights is None else weights
            loss = -(wanted * factor * log_probability).sum()
            losses.append((1 - np.exp(log_probability[target])) ** gamma * loss)
    return float(np.sum(losses))


@pytest.mark.parametrize("options", OPTIONS["supervised"], ids=str)
@every_problem
def test_supervised_equals_plain_arithmetic(options, problem):
    objective = tiny.technique("objectives", "supervised", **options)
    batch, outputs = _batch(problem, 7), _outputs(problem, 7)
    weights = options.get("class_weights")
    if weights == "balanced":
        # 15 rows count, since a class without rows counts as one.
        counts = np.array([10, 4, 1])
        weights = 15 / (3 * counts)
    elif weights is not None:
        weights = np.array(weights)
    expected = _reference(
        problem,
        outputs.numpy(),
        batch.targets.numpy(),
        options.get("label_smoothing", 0.0),
        weights,
        options.get("focal_gamma", 0.0),
    )
    assert float(_loss(objective, problem, outputs, batch).loss_sum) == pytest.approx(expected, rel=1e-12)


def test_half_precision_outputs_are_summed_in_float32():
    batch, outputs = _batch("single", 5), _outputs("single", 5).bfloat16()
    loss = _loss(tiny.technique("objectives", "supervised"), "single", outputs, batch).loss_sum
    assert loss.dtype == torch.float32


def test_as_many_weights_as_classes_are_wanted():
    objective = tiny.technique("objectives", "supervised", class_weights=(1.0, 2.0))
    with pytest.raises(RecipeError) as error:
        _loss(objective, "single", _outputs("single", 3), _batch("single", 3))
    assert error.value.code == "E-OBJECTIVE-001"
    assert "2 class weights for 3 classes" in str(error.value)


@pytest.mark.parametrize(
    "options",
    [{"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"focal_gamma": -1.0}, {"class_weights": (1.0, 0.0)}],
)
def test_values_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        tiny.technique("objectives", "supervised", **options)
