"""Shortcuts of the forward pass: exact where they are taken, refused aloud where they are not, and really shorter."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from afina.inference import attention
from afina.inference.forward import Forward
from tests import tiny

CPU = torch.device("cpu")
GRADED = ["bert", "roberta", "distilbert", "electra", "xlm-roberta"]
FULL_LAST_BLOCK = ["albert", "roberta-prelayernorm", "mpnet", "deberta-v2", "megatron-bert", "modernbert"]
"""Families whose last block cannot be cut down: shared, normalised first, with an attention of its own, or fused."""
OWN_ATTENTION = ["mpnet", "deberta-v2", "megatron-bert"]


def _gradients(model, outputs):
    model.zero_grad(set_to_none=True)
    outputs.square().sum().backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def _plain(model, batch):
    return model(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("family", GRADED)
def test_a_graded_last_block_gives_the_plain_logits_and_gradients(tiny_folder, family, windows):
    reference, model = (tiny.load(tiny_folder(family), "cls") for _ in range(2))
    forward = Forward(model, CPU, "float32")
    assert forward.graded is not None
    assert not forward.notes
    batch = tiny.batch(model, tiny.rows(6, "cls", windows=windows))
    expected, found = _plain(reference.eval(), batch), forward(batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    wanted, got = _gradients(reference, expected), _gradients(model, found)
    assert got.keys() == wanted.keys()
    scale = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert max(float((wanted[name] - got[name]).abs().max()) for name in wanted) <= 1e-6 * scale


@pytest.mark.parametrize("family", GRADED)
def test_the_last_block_really_computes_less(tiny_folder, family):
    forward = Forward(tiny.load(tiny_folder(family), "cls"), CPU, "float32")
    batch = tiny.batch(forward.model, tiny.rows(4, longest=40, seed=3))

    def flops(backwards):
        with FlopCounterMode(display=False) as counter:
            loss = forward(batch).sum()
            if backwards:
                loss.backward()
        return counter.get_total_flops()

    cut = [flops(False), flops(True)]
    forward.graded.remove()
    forward.graded = None
    whole = [flops(False), flops(True)]
    sequences, length = batch.input_ids.shape
    width, inner = 16, 32
    # Per skipped position: the query, the projection after attention, both feed-forward matrices, and scores and sum.
    linear = 2 * (2 * width * width + 2 * width * inner)
    skipped = sequences * (length - 1) * (linear + 4 * length * width)
    assert whole[0] - cut[0] == skipped
    # Going back costs each product twice: once for what it multiplied, once for what it was multiplied with.
    assert whole[1] - cut[1] == 3 * skipped


@pytest.mark.parametrize("family", FULL_LAST_BLOCK)
def test_a_block_that_cannot_be_cut_down_is_left_whole_and_this_is_said(tiny_folder, family):
    model, reference = (tiny.load(tiny_folder(family), "cls").eval() for _ in range(2))
    forward = Forward(model, CPU, "float32")
    assert forward.graded is None
    assert len(forward.notes) == 1
    batch = tiny.batch(model, tiny.rows(5))
    with torch.no_grad():
        torch.testing.assert_close(forward(batch), _plain(reference, batch), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", OWN_ATTENTION)
def test_a_model_with_an_attention_of_its_own_keeps_it_and_this_is_said(tiny_folder, family):
    model = tiny.load(tiny_folder(family), "mean").eval()
    own = model.network.config._attn_implementation
    forward = Forward(model, CPU, "float32")
    assert model.network.config._attn_implementation == own != attention.NAME
    assert len(forward.notes) == 1
    assert "attention" in forward.notes[0]


@pytest.mark.parametrize("other", ["sdpa", "eager"])
@pytest.mark.parametrize(
    "family", ["bert", "roberta", "distilbert", "electra", "albert", "roberta-prelayernorm", "modernbert"]
)
def test_our_attention_equals_that_of_transformers_under_padding(tiny_folder, family, other):
    if (family, other) == ("modernbert", "eager"):
        pytest.skip("its eager attention says no number where a window holds padding alone")
    model = tiny.load(tiny_folder(family), "mean").double().eval()
    batch = tiny.batch(model, tiny.rows(6, "mean", longest=30))
    assert not bool(batch.attention_mask.all())
    results = []
    for name in (other, attention.NAME):
        attention.switch(model.network, name)
        outputs = _plain(model, batch)
        results.append((outputs.detach(), _gradients(model, outputs)))
    (expected, wanted), (found, got) = results
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-8, atol=1e-10)


def test_padding_is_not_seen(tiny_folder):
    for family in ("bert", "roberta", "distilbert"):
        for pooling in ("cls", "mean"):
            model = tiny.load(tiny_folder(family), pooling)
            forward = Forward(model.eval(), CPU, "float32")
            rows = tiny.rows(5, pooling, longest=30)
            with torch.no_grad():
                together = forward(tiny.batch(model, rows))
                alone = torch.cat([forward(tiny.batch(model, [row])) for row in rows])
            torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_a_row_in_windows_gets_the_mean_over_its_windows(tiny_folder):
    for pooling in ("cls", "mean"):
        model = tiny.load(tiny_folder("bert"), pooling).eval()
        forward = Forward(model, CPU, "float32")
        rows = tiny.rows(4, pooling, windows=4, seed=1)
        assert max(len(row.documents) for row in rows) > 1
        with torch.no_grad():
            together = forward(tiny.batch(model, rows))
            for place, row in enumerate(rows):
                pieces = [
                    forward(tiny.batch(model, [type(row)(0, (document,), graded=row.graded, target=row.target)]))
                    for document in row.documents
                ]
                torch.testing.assert_close(together[place], torch.cat(pieces).mean(0), rtol=1e-5, atol=1e-5)


def test_our_attention_refuses_what_it_does_not_know():
    tensors = [torch.zeros(1, 1, 2, 4) for _ in range(3)]
    with pytest.raises(NotImplementedError, match="sliding_window"):
        attention.attend(torch.nn.Module(), *tensors, None, sliding_window=4)


def test_predicting_changes_neither_mode_nor_random_state(tiny_folder):
    model = tiny.load(tiny_folder("bert"), dropout=0.5)
    tiny.tuned(model, "last-blocks", num_blocks=1)
    model.train()
    modes = {name: module.training for name, module in model.named_modules()}
    random_state = torch.get_rng_state()
    forward = Forward(model, CPU, "float32")

    class Logits:
        target_kind = "class"

        @staticmethod
        def predict(run, batch):
            return run(batch).double().numpy()

    rows = tiny.rows(9, longest=20)
    one, other = forward.predict(Logits, rows), forward.predict(Logits, rows[::-1])
    assert one == pytest.approx(other[::-1], abs=1e-6)
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert torch.equal(random_state, torch.get_rng_state())
