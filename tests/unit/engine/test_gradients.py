"""The gradient of one step is a sum over its rows, with a penalty that the later division does not shrink."""

import numpy as np
import pytest
import torch

from afina.engine.gradients import Gradients
from tests import tiny

ROWS = np.array([3, 1, 4, 0, 5])


def _gradients(folder, micro_batch_size=8, **options) -> tuple[Gradients, object]:
    model = tiny.load(folder)
    loop = tiny.loop(model, tiny.rows(8), micro_batch_size=micro_batch_size, **options)
    model.train()
    return loop.gradients, model


def _of(folder, **options):
    gradients, model = _gradients(folder, **options)
    loss, count = gradients.of(ROWS)
    return {name: parameter.grad for name, parameter in model.named_parameters()}, loss, count


@pytest.mark.parametrize("micro_batch_size", [1, 2, 8])
def test_it_is_the_sum_over_the_rows_of_a_step_and_of_no_other(tiny_folder, micro_batch_size):
    found, loss, count = _of(tiny_folder("bert"), micro_batch_size=micro_batch_size)
    model = tiny.load(tiny_folder("bert")).double().train()
    batch = tiny.batch(model, [tiny.rows(8)[row] for row in ROWS])
    outputs = model(batch.input_ids, batch.attention_mask, batch.token_type_ids)
    expected = torch.nn.functional.cross_entropy(outputs, batch.targets, reduction="sum")
    expected.backward()
    assert (loss, count) == (pytest.approx(expected.item(), rel=1e-12), 5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-9, atol=1e-14)


def test_a_penalty_is_added_once_to_each_row(tiny_folder):
    plain, loss, _ = _of(tiny_folder("bert"), micro_batch_size=2)
    pulled, pulled_loss, count = _of(tiny_folder("bert"), micro_batch_size=2, retention=("l2-sp", {"beta": 0.4}))
    model = tiny.load(tiny_folder("bert")).double()
    head = {name: parameter for name, parameter in model.named_parameters() if name in model.blocks.head}
    assert pulled_loss - loss == pytest.approx(
        count * 0.2 * sum(weight.square().sum().item() for weight in head.values()), rel=1e-9
    )
    for name, gradient in pulled.items():
        # Nothing has moved yet, so only the fresh head is pulled.
        pull = count * 0.4 * head[name].detach() if name in head else torch.zeros_like(gradient)
        torch.testing.assert_close(gradient - plain[name], pull, rtol=1e-9, atol=1e-12)
