"""One forward for everybody: features, precisions, and predictions in the order of the rows."""

import numpy as np
import pytest
import torch

from afina.inference.forward import Forward
from tests import tiny

CPU = torch.device("cpu")


class Logits:
    """The least of a task: what the model says, as it is."""

    target_kind = "class"

    @staticmethod
    def predict(forward, batch):
        return forward(batch).double().numpy()


def _plain(model, batch):
    return model(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.owner, len(batch))


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "albert"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_features_are_the_pooled_last_hidden_state(tiny_folder, family, pooling):
    model = tiny.load(tiny_folder(family), pooling).eval()
    rows = tiny.rows(70, pooling, windows=2)
    forward = Forward(model, CPU, "float32")
    features = forward.features(Logits, rows)
    assert features.shape == (70, 16)
    for place in (0, 33, 69):
        pooled = []
        for document in rows[place].documents:
            ids = torch.from_numpy(document.astype(np.int64))[None]
            with torch.no_grad():
                states = model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
            pooled.append(states[0] if pooling == "cls" else states.mean(0))
        torch.testing.assert_close(
            torch.from_numpy(features[place]).float(), torch.stack(pooled).mean(0), rtol=1e-4, atol=1e-5
        )


def test_predictions_come_in_the_order_of_the_rows(tiny_folder):
    model = tiny.load(tiny_folder("bert")).eval()
    forward = Forward(model, CPU, "float32")
    rows = tiny.rows(130, longest=30)
    together = forward.predict(Logits, rows)
    for place in (0, 64, 129):
        with torch.no_grad():
            alone = forward(tiny.batch(model, [rows[place]])).double().numpy()[0]
        np.testing.assert_allclose(together[place], alone, rtol=1e-4, atol=1e-5)
    assert forward.predict(Logits, []).shape == (0, 3)


@pytest.mark.parametrize("family", ["bert", "distilbert", "modernbert"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_bfloat16_is_near_and_float64_is_exact(tiny_folder, family, pooling):
    rows = tiny.rows(8, pooling)
    outputs = {}
    for precision in ("float32", "bfloat16", "float64"):
        model = tiny.load(tiny_folder(family), pooling).eval()
        forward = Forward(model, CPU, precision)
        with torch.no_grad():
            outputs[precision] = forward(tiny.batch(model, rows)).double()
    scale = float(outputs["float64"].abs().max())
    assert 0 < float((outputs["float64"] - outputs["float32"]).abs().max()) < 1e-5 * max(1.0, scale)
    assert 0 < float((outputs["float64"] - outputs["bfloat16"]).abs().max()) < 0.05 * max(1.0, scale)


def test_the_same_model_in_float32_beside_bfloat16(tiny_folder):
    model = tiny.load(tiny_folder("bert")).eval()
    forward = Forward(model, CPU, "bfloat16")
    batch = tiny.batch(model, tiny.rows(5))
    with torch.no_grad():
        exact = _plain(tiny.load(tiny_folder("bert")).eval(), batch)
        torch.testing.assert_close(forward.in_float32()(batch), exact, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(forward(batch).float(), exact, rtol=1e-5, atol=1e-5)
    assert forward.precision == "bfloat16"


def test_making_a_forward_draws_no_random_number_and_keeps_the_mode(tiny_folder):
    model = tiny.load(tiny_folder("bert"), dropout=0.3)
    tiny.tuned(model, "full")
    for mode in (True, False):
        model.train(mode)
        state = torch.get_rng_state()
        Forward(model, CPU, "float32")
        assert torch.equal(state, torch.get_rng_state())
        assert model.training is mode
        assert all(parameter.grad is None for parameter in model.parameters())
