"""Several LoRA adapters as one: updates are summed, never their factors."""

import pytest
import torch

from afina.base.errors import RecipeError
from afina.tuning import _combined
from afina.tuning._combined import Mix
from tests import tiny

OPTIONS = [
    {"rank": 4, "alpha": 8},
    {"rank": 2, "variant": "rslora"},
    {"rank": 3, "initialisation": "pissa", "alpha": 3},
]


@pytest.fixture(params=[("bert", "cls"), ("gpt2", "last"), ("resnet", "")])
def load(request, tiny_folder):
    family, pooling = request.param

    def load():
        model = tiny.load(tiny_folder(family), pooling) if pooling else tiny.image_model(family)
        return model.double().eval()

    return load


def _saved(load, tmp_path, options):
    folders = []
    for place, chosen in enumerate(options):
        model = load()
        tuning, report = tiny.tuned(model, "lora", **chosen)
        draw = torch.Generator().manual_seed(place)
        parameters = dict(model.named_parameters())
        with torch.no_grad():
            for name in report.names:
                parameters[name].add_(0.2 * torch.randn(parameters[name].shape, generator=draw))
        folder = tmp_path / str(place)
        folder.mkdir()
        tuning.save(model, folder, "base")
        folders.append(folder)
    return folders


def _updates(load, folder):
    """Return what an adapter adds to each weight of the base, by folding it."""
    model = load()
    before = tiny.weights(model)
    tuning = tiny.technique("tuning", "lora")
    tuning.restore(model, folder)
    tuning.merge(model)
    return {name: weight - before[name] for name, weight in tiny.weights(model).items()}


def _options(load):
    return OPTIONS[:2] if load().family == "cnn" else OPTIONS


@pytest.mark.parametrize("weights", [None, (0.7, -0.2, 1.5)])
@pytest.mark.parametrize("method", ["mean", "svd"])
def test_a_mix_is_the_weighted_sum_of_the_updates(load, tmp_path, method, weights):
    options = _options(load)
    folders = _saved(load, tmp_path, options)
    weights = None if weights is None else weights[: len(options)]
    factors = weights or [1 / len(options)] * len(options)
    alone = [_updates(load, folder) for folder in folders]
    model = load()
    before = tiny.weights(model)
    mixed = _combined.combine(model, folders, Mix(method, weights, rank=12 if method == "svd" else None))
    said = tiny.outputs(model.eval())
    mixed.merge(model)
    torch.testing.assert_close(tiny.outputs(model.eval()), said, rtol=1e-9, atol=1e-9)
    now = tiny.weights(model)
    for name, weight in now.items():
        total = sum(factors)
        shares = [factor / total for factor in factors] if name in model.blocks.head else factors
        expected = sum(share * one[name] for share, one in zip(shares, alone, strict=True))
        torch.testing.assert_close(weight - before[name], expected, rtol=0, atol=1e-6)


def test_the_mean_of_the_factors_is_far_from_it(load, tmp_path, monkeypatch):
    # What PEFT calls `linear`, and why it is never used.
    monkeypatch.setitem(_combined.COMBINATIONS, "mean", "linear")
    folders = _saved(load, tmp_path, OPTIONS[:1] * 2)
    alone = [_updates(load, folder) for folder in folders]
    model = load()
    before = tiny.weights(model)
    mixed = _combined.combine(model, folders, Mix())
    mixed.merge(model)
    now, head = tiny.weights(model), set(model.blocks.head)
    moved = [name for name in now if name not in head and bool(alone[0][name].any())]
    expected = {name: (alone[0][name] + alone[1][name]) / 2 for name in moved}
    assert tiny.distance(expected, {name: now[name] - before[name] for name in moved}) > 0.5


def test_ties_keeps_what_agrees_and_dare_keeps_the_mean_in_the_mean(load, tmp_path):
    folders = _saved(load, tmp_path, OPTIONS[:1] * 2)
    alone = [_updates(load, folder) for folder in folders]
    for mix in (Mix("ties", density=0.3), Mix("dare", density=0.5), Mix("dare", density=0.5, seed=1)):
        model = load()
        before = tiny.weights(model)
        _combined.combine(model, folders, mix).merge(model)
        now = tiny.weights(model)
        name = next(name for name in now if bool(alone[0][name].any()) and name not in model.blocks.head)
        update = now[name] - before[name]
        kept = update.abs() > 1e-5
        assert 0.1 < float(kept.float().mean()) < 0.9
        signs = torch.sign(alone[0][name]) == torch.sign(update), torch.sign(alone[1][name]) == torch.sign(update)
        assert bool((signs[0] | signs[1])[kept].all())


def test_what_is_dropped_depends_on_the_seed_alone(load, tmp_path):
    folders = _saved(load, tmp_path, OPTIONS[:1] * 2)
    found = []
    for seed in (1, 1, 2):
        model = load()
        _combined.combine(model, folders, Mix("dare", seed=seed)).merge(model)
        found.append(tiny.weights(model))
    assert tiny.distance(found[0], found[1]) == 0.0
    assert tiny.distance(found[0], found[2]) > 0.0


def test_what_is_no_plain_lora_is_refused_all_at_once(tiny_folder, tmp_path):
    def load():
        return tiny.load(tiny_folder("bert"))

    folders = _saved(load, tmp_path, [{"rank": 2}, {"rank": 2, "variant": "dora"}])
    model = load()
    tuning, _ = tiny.tuned(model, "ia3")
    (tmp_path / "ia3").mkdir()
    tuning.save(model, tmp_path / "ia3", "base")
    with pytest.raises(RecipeError) as error:
        _combined.combine(load(), [*folders, tmp_path / "ia3"], Mix())
    assert error.value.code == "E-TUNING-037"
    assert [problem.where.split("/")[-2] for problem in error.value.problems] == ["1", "ia3"]
