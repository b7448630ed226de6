import pytest
import torch

from afina.inference import low_rank
from afina.inference.forward import Forward
from tests import tiny

KINDS = ["lora", "qlora"]
MODELS = [("bert", "cls"), ("gpt2", "last"), ("llama", "mean"), ("distilbert", "cls")]


def _tuned(folder, kind, pooling="cls", **options):
    requires = tiny.technique("tuning", kind).requires
    model = tiny.load(folder, pooling, requires=requires)
    _, report = tiny.tuned(model, kind, **options)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.2, generator=torch.Generator().manual_seed(len(name)))
    return model, report


def _stand_ins(model):
    return [path for path, module in model.named_modules() if low_rank._stands_in(module)]


def _losses(model):
    model.zero_grad(set_to_none=True)
    output = tiny.outputs(model)
    output.square().sum().backward()
    return output.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("family", "pooling"), MODELS)
def test_outputs_and_gradients_are_pefts(tiny_folder, kind, family, pooling):
    model, report = _tuned(tiny_folder(family), kind, pooling)
    model.train()
    names = list(dict(model.named_parameters()))
    plain, plain_gradients = _losses(model)
    state = torch.get_rng_state()
    assert low_rank.put_in(model) == []
    assert torch.equal(state, torch.get_rng_state())
    assert list(dict(model.named_parameters())) == names
    layers = [path for path in _stand_ins(model) if not path.endswith("base_layer")]
    assert len(layers) == sum("lora_A" in name for name in report.names)
    ours, gradients = _losses(model)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
    assert set(gradients) == set(report.names)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, plain_gradients[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_computed_by_our_node_alone(tiny_folder, kind):
    model, _ = _tuned(tiny_folder("bert"), kind)
    Forward(model, torch.device("cpu"), "float32")
    names, stack = [], [tiny.outputs(model.train()).grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in names:
            names.append(node)
            stack.extend(parent for parent, _ in node.next_functions)
    kinds = [node.name() for node in names]
    assert kinds.count("_ProductBackward") == 12
    assert not any("MatMul4Bit" in name for name in kinds)


@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_it_stays_as_near_as_peft_does(tiny_folder, kind):
    model, _ = _tuned(tiny_folder("bert"), kind)
    model.eval()
    with torch.no_grad():
        exact = tiny.outputs(model)
        with torch.autocast("cpu", torch.bfloat16):
            plain = tiny.outputs(model)
        low_rank.put_in(model)
        with torch.autocast("cpu", torch.bfloat16):
            ours = tiny.outputs(model)
    assert float((ours - exact).abs().max()) < 3 * float((plain - exact).abs().max()) + 1e-3


@pytest.mark.parametrize(
    "options", [{"variant": "dora"}, {"initialisation": "pissa"}, {"variant": "rslora", "dropout": 0.3}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_more_than_one_plain_product_goes_on_as_it_did(tiny_folder, kind, options):
    model, _ = _tuned(tiny_folder("bert"), kind, **options)
    model.eval()
    plain = tiny.outputs(model)
    assert low_rank.put_in(model) == []
    torch.testing.assert_close(tiny.outputs(model), plain, rtol=1e-5, atol=1e-5)


def test_adapters_switched_off_or_merged_are_left_to_peft(tiny_folder):
    model, _ = _tuned(tiny_folder("bert"), "lora")
    model.eval()
    low_rank.put_in(model)
    tuned = tiny.outputs(model)
    layers = [module for module in model.modules() if hasattr(module, "lora_A")]
    for layer in layers:
        layer.enable_adapters(False)
    assert not torch.allclose(tiny.outputs(model), tuned)
    for layer in layers:
        layer.enable_adapters(True)
        layer.merge()
    torch.testing.assert_close(tiny.outputs(model), tuned, rtol=1e-4, atol=1e-5)


def test_a_layer_on_which_ours_differs_keeps_its_own_way_and_it_is_said(tiny_folder, monkeypatch):
    model, _ = _tuned(tiny_folder("bert"), "qlora")
    plain = tiny.outputs(model.eval())
    true = low_rank.unpacked
    monkeypatch.setattr(low_rank, "unpacked", lambda layer, dtype: true(layer, dtype) * 1.001)
    (note,) = low_rank.put_in(model)
    assert "24" in note
    assert _stand_ins(model) == []
    assert torch.equal(tiny.outputs(model), plain)


def test_the_self_test_sees_a_wrong_gradient(tiny_folder, monkeypatch):
    model, _ = _tuned(tiny_folder("bert"), "lora")
    true = low_rank.product

    def wrong(values, weight, bias, beside=None):
        output = true(values, weight, bias, beside)
        return output.detach() + 0.999 * (output - output.detach())

    monkeypatch.setattr(low_rank, "product", wrong)
    assert low_rank.put_in(model) != []
    assert _stand_ins(model) == []


def test_a_fresh_b_of_zero_hides_nothing_from_the_self_test(tiny_folder, monkeypatch):
    model = tiny.load(tiny_folder("bert"))
    tiny.tuned(model, "lora")
    before = tiny.weights(model)
    true = low_rank._low_rank
    monkeypatch.setattr(low_rank, "_low_rank", lambda layer: _twice(true(layer)))
    assert low_rank.put_in(model) != []
    assert all(torch.equal(before[name], weight) for name, weight in tiny.weights(model).items())


def _twice(beside):
    return low_rank.LowRank(beside.lower, beside.upper, 2 * beside.scale, beside.dropout)


@pytest.mark.parametrize("kind", KINDS)
def test_putting_it_in_again_changes_nothing(tiny_folder, kind):
    model, _ = _tuned(tiny_folder("bert"), kind)
    model.eval()
    low_rank.put_in(model)
    once, outputs = _stand_ins(model), tiny.outputs(model)
    assert once
    low_rank.put_in(model)
    assert _stand_ins(model) == once
    assert torch.equal(tiny.outputs(model), outputs)


def test_projections_of_one_block_share_their_input_in_bfloat16(tiny_folder):
    model, _ = _tuned(tiny_folder("bert"), "lora")
    low_rank.put_in(model)
    kept = []
    with (
        torch.autocast("cpu", torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor),
    ):
        tiny.outputs(model.train())
    inputs = [tensor.data_ptr() for tensor in kept if tensor.dtype == torch.bfloat16 and tensor.shape[-1] == 16]
    assert len(inputs) > len(set(inputs)) + 2


def test_an_input_changed_in_place_is_converted_anew():
    cast = low_rank._LastCast()
    values = torch.zeros(2, 2)
    assert cast(values, torch.float32) is values
    first = cast(values, torch.bfloat16)
    assert cast(values, torch.bfloat16) is first
    values.add_(1)
    assert bool((cast(values, torch.bfloat16) == 1).all())
    other = values.clone()
    assert cast(other, torch.bfloat16) is not cast(values, torch.bfloat16)
    with torch.inference_mode():
        made = torch.ones(2)
        assert cast(made, torch.bfloat16).dtype == torch.bfloat16
