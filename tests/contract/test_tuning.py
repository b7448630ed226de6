"""The laws that every tuning keeps, on every kind of network that it says it works on, and with every pooling."""

import pytest
import torch

from afina.base import registry
from afina.base.errors import RecipeError
from tests import tiny

KINDS = registry.names("tuning")
TEXT_MODELS = [
    ("bert", "cls"),
    ("bert", "mean"),
    ("distilbert", "cls"),
    ("roberta", "mean"),
    ("gpt2", "last"),
    ("llama", "last"),
    ("llama", "mean"),
]
MODELS = [*TEXT_MODELS, ("vit", ""), ("resnet", "")]
INVARIANT = ("key.bias", "k_lin.bias", "k_proj.bias")
"""Along key biases a softmax does not change: their gradient is zero but for rounding."""
REFUSED = {("bias", "llama"), ("prefix", "distilbert")}
"""Pairs of a supported kind of network in which this very network lacks what the technique moves."""
QUARTERS = (0.25, 0.5, 0.75)


def _supported(models):
    family = {"gpt2": "decoder", "llama": "decoder", "vit": "vision-transformer", "resnet": "cnn"}
    return [
        (kind, *model)
        for kind in KINDS
        for model in models
        if (kind, model[0]) not in REFUSED
        and family.get(model[0], "encoder") in tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {})).supports
    ]


every_tuning = pytest.mark.parametrize("kind", KINDS)
every_pair = pytest.mark.parametrize(("kind", "family", "pooling"), _supported(MODELS))
every_text_pair = pytest.mark.parametrize(("kind", "family", "pooling"), _supported(TEXT_MODELS))


@pytest.fixture
def fresh(tiny_folder):
    """A model as its base came, loaded as a tuning requires it, in float64 where it can be."""

    def fresh(kind, family="bert", pooling="cls", problem="single", dropout=0.0):
        if family in tiny.IMAGE_FAMILIES:
            return tiny.image_model(family).double()
        requires = tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {})).requires
        model = tiny.load(tiny_folder(family), pooling, problem, dropout=dropout, requires=requires)
        return model if requires else model.double()

    return fresh


@pytest.fixture
def build(fresh):
    """The same, tuned and in training mode, with the tuning and its report."""

    def build(kind, family="bert", pooling="cls", problem="single", **options):
        model = fresh(kind, family, pooling, problem)
        tuning, report = tiny.tuned(model, kind, **{**tiny.OPTIONS.get(kind, {}), **options})
        return model.train(), tuning, report

    return build


def _read(model):
    """Return what a model says in use, without a graph."""
    training = model.training
    model.eval()
    with torch.no_grad():
        outputs = tiny.outputs(model)
    model.train(training)
    return outputs


@every_pair
def test_exactly_what_is_reported_gets_a_gradient(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    # What multiplies a fresh zero has a gradient from the second step on.
    tiny.steps(model, report, count=1)
    tiny.outputs(model).square().sum().backward()
    parameters = dict(model.named_parameters())
    with_gradient = {name for name, parameter in parameters.items() if parameter.grad is not None}
    assert with_gradient == set(report.names)
    largest = max(float(parameters[name].grad.abs().max()) for name in report.names)
    noise = torch.finfo(parameters[report.names[0]].dtype).eps * 1e3 * largest
    dead = {name for name in report.names if float(parameters[name].grad.abs().max()) < noise}
    assert all(name.endswith(INVARIANT) for name in dead), dead


@every_pair
def test_groups_hold_what_moves_exactly_once(build, kind, family, pooling):
    model, tuning, report = build(kind, family, pooling)
    parameters = dict(model.named_parameters())
    moving = {name for name, parameter in parameters.items() if parameter.requires_grad}
    assert len(report.names) == len(set(report.names))
    assert set(report.names) == moving
    assert report.num_trainable == sum(parameters[name].numel() for name in moving)
    assert set().union(*model.blocks.units.values()) == set(parameters)
    if not tuning.requires:
        assert report.num_total == sum(parameter.numel() for parameter in parameters.values())
    assert set().union(*(stage.names for stage in report.stages)) == moving
    assert [stage.epochs is stage.share is None for stage in report.stages].index(True) == len(report.stages) - 1
    # Factors that begin at one are no matrices, even where they are stored as such.
    factors = {"ia3_l", "lora_magnitude_vector"}
    for group in report.groups:
        for name in group.names:
            assert group.decays == (parameters[name].ndim > 1 and not factors.intersection(name.split("."))), name
    assert set(model.blocks.head) <= moving
    assert report.learning_rate > 0
    assert report.learning_rate_reason
    assert report.virtual_tokens == tuning.virtual_tokens


@every_pair
def test_what_was_there_before_is_found_by_the_name_it_had(fresh, kind, family, pooling):
    model = fresh(kind, family, pooling)
    before = dict(model.named_parameters())
    units = {name: unit for unit, names in model.blocks.units.items() for name in names}
    _, report = tiny.tuned(model, kind, **tiny.OPTIONS.get(kind, {}))
    after = dict(model.named_parameters())
    assert sorted(report.aliases.values()) == sorted(before)
    assert all(after[name] is before[alias] for name, alias in report.aliases.items())
    assert all(
        units[report.aliases[name]] == unit
        for unit, names in model.blocks.units.items()
        for name in names
        if name in report.aliases
    )


@every_pair
def test_what_is_frozen_stays_bit_for_bit_and_costs_nothing(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    before = tiny.weights(model)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    optimizing = tiny.steps(model, report)
    after = dict(model.named_parameters())
    frozen = set(before) - set(report.names)
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert all(torch.equal(buffers[name], buffer) for name, buffer in model.named_buffers())
    assert all(not torch.equal(before[name], after[name]) for name in report.names)
    held = {id(parameter) for parameter in optimizing.optimizer.state}
    assert held == {id(after[name]) for name in report.names}
    assert {name.split("|")[0] for name in optimizing.state().tensors} == set(report.names)


@every_pair
def test_a_part_in_which_nothing_moves_is_in_evaluation_mode(build, kind, family, pooling):
    model, _, report = build(kind, family, pooling)
    for depth, block in enumerate(model.block_modules):
        moves = any(parameter.requires_grad for parameter in block.parameters())
        assert block.training is moves
        normalised = torch.nn.modules.batchnorm._BatchNorm
        assert all(module.training is moves for module in block.modules() if not isinstance(module, normalised)), depth
    assert report.frozen_blocks <= len(model.blocks.blocks)
    assert not any(module.training for module in model.eval().modules())


@every_tuning
def test_dropout_of_a_frozen_part_is_off_and_of_a_moving_part_on(fresh, kind):
    model = fresh(kind, dropout=0.5)
    _, report = tiny.tuned(model, kind, **tiny.OPTIONS.get(kind, {}))
    model.train()
    seen = {}
    for depth, block in enumerate(model.block_modules):
        block.register_forward_hook(
            lambda _, __, output, depth=depth: seen.setdefault(depth, []).append(
                (output[0] if isinstance(output, tuple) else output).detach()
            )
        )
    for _ in range(2):
        tiny.outputs(model)
    for depth, (one, other) in seen.items():
        moves = any(
            parameter.requires_grad for block in model.block_modules[: depth + 1] for parameter in block.parameters()
        )
        assert torch.equal(one, other) is not moves
        assert moves or depth < len(model.block_modules) or report.frozen_blocks > depth


@every_pair
def test_state_loaded_gives_the_same_outputs_bit_for_bit(build, kind, family, pooling):
    model, tuning, report = build(kind, family, pooling)
    tiny.steps(model, report)
    state = tuning.state(model)
    assert set(state) == set(report.names)
    other, other_tuning, _ = build(kind, family, pooling)
    assert not torch.equal(_read(model), _read(other))
    other_tuning.load(other, state)
    assert torch.equal(_read(model), _read(other))
    # A state is a copy: what the model does next leaves it alone.
    kept = {name: weight.clone() for name, weight in state.items()}
    tiny.steps(model, report)
    assert all(torch.equal(kept[name], state[name]) for name in kept)


@every_pair
def test_a_fresh_tuning_leaves_the_outputs_unchanged_where_it_says_so(fresh, kind, family, pooling):
    model = fresh(kind, family, pooling).eval()
    plain = _read(model)
    tuning, _ = tiny.tuned(model, kind, **tiny.OPTIONS.get(kind, {}))
    assert torch.equal(plain, _read(model)) is tuning.begins_as_base


@every_pair
def test_unloading_gives_the_base_back_bit_for_bit(fresh, kind, family, pooling):
    model = fresh(kind, family, pooling)
    plain, before = _read(model), tiny.weights(model)
    blocks, modules = model.blocks, [path for path, _ in model.named_modules()]
    tuning, report = tiny.tuned(model, kind, **tiny.OPTIONS.get(kind, {}))
    free = {*(report.aliases.get(name) for name in report.names), *blocks.head}
    tiny.steps(model.train(), report)
    tuning.unload(model)
    after = dict(model.named_parameters())
    assert set(after) == set(before)
    assert model.blocks == blocks
    assert [path for path, _ in model.named_modules()] == modules
    assert all(torch.equal(before[name], after[name]) for name in before if name not in free)
    with torch.no_grad():
        for name in free & set(before):
            after[name].copy_(before[name])
    torch.testing.assert_close(_read(model), plain, rtol=0, atol=0)


@every_pair
def test_merging_changes_nothing_that_the_model_says_or_is_refused(build, kind, family, pooling):
    model, tuning, report = build(kind, family, pooling)
    tiny.steps(model, report)
    tuned = _read(model)
    refusal = None
    try:
        tuning.merge(model)
    except RecipeError as error:
        refusal = error.problem
    if refusal is not None:
        assert refusal.mend
        assert torch.equal(_read(model), tuned)
        return
    torch.testing.assert_close(_read(model), tuned, rtol=1e-9, atol=1e-9)
    assert sorted(dict(model.named_parameters())) == sorted(report.aliases.values())


@every_pair
def test_what_is_saved_beside_the_base_is_put_back_on_a_fresh_one(fresh, build, tmp_path, kind, family, pooling):
    model, tuning, report = build(kind, family, pooling)
    tiny.steps(model, report)
    if not tuning.save(model, tmp_path, "a/base"):
        assert not list(tmp_path.iterdir())
        return
    assert tuning.usage
    assert not [path for path in tmp_path.iterdir() if path.suffix in {".bin", ".pt", ".pkl"}]
    other = fresh(kind, family, pooling)
    again = tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {}))
    again.restore(other, tmp_path)
    if model.head is not None:
        # Beside the network, the head is saved by the models floor.
        other.head.load_state_dict(model.head.state_dict())
    torch.testing.assert_close(_read(other), _read(model), rtol=1e-9, atol=1e-9)


@every_tuning
def test_the_way_between_two_states_meets_its_ends(build, kind):
    model, tuning, report = build(kind)
    if not tuning.interpolates:
        return
    model.float()
    start = tuning.state(model)
    tiny.steps(model, report)
    end, tuned = tuning.state(model), _read(model)
    middle = []
    for alpha in QUARTERS:
        tuning.interpolate(model, start, end, alpha)
        middle.append(_read(model))
        assert bool(torch.isfinite(middle[-1]).all())
    assert all(not torch.equal(one, other) for one, other in zip(middle, middle[1:], strict=False))
    for alpha, expected in ((0.0, start), (1.0, end)):
        tuning.interpolate(model, start, end, alpha)
        assert all(torch.equal(weight, expected[name]) for name, weight in tuning.state(model).items())
    assert torch.equal(_read(model), tuned)


@pytest.mark.parametrize(("kind", "family"), sorted(REFUSED))
def test_a_network_that_lacks_what_would_move_is_refused(build, kind, family):
    with pytest.raises(RecipeError) as error:
        build(kind, family, "last")
    assert error.value.problem.mend


@every_tuning
def test_a_tuning_says_what_it_works_on(kind):
    tuning = tiny.technique("tuning", kind, **tiny.OPTIONS.get(kind, {}))
    assert tuning.supports
    assert tuning.supports <= {"encoder", "decoder", "vision-transformer", "cnn"}
    assert isinstance(dict(tuning.requires), dict)
