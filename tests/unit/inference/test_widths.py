import dataclasses

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from afina.base.types import Segments
from afina.inference.forward import Forward
from afina.inference.widths import FINENESS, widened, width
from tests import tiny


@given(st.integers(1, 600), st.integers(1, 600))
def test_a_width_is_rounded_up_by_little_and_never_beyond_what_the_model_reads(num_tokens, most):
    found = width(num_tokens, most)
    assert num_tokens <= found <= max(num_tokens, most)
    assert found <= num_tokens * (1 + 2 / FINENESS)
    assert width(found, most) == found


def test_there_are_few_widths():
    assert len({width(num_tokens, 512) for num_tokens in range(5, 68)}) <= 24
    assert len({width(num_tokens, 512) for num_tokens in range(5, 513)}) <= 48


def _batch(model, num_tokens=29):
    segments = [
        Segments(row, (np.arange(1, length + 1, dtype=np.int32),), graded=(0,), target=0)
        for row, length in enumerate((num_tokens, 3, num_tokens // 2))
    ]
    return tiny.batch(model, segments)


def test_what_is_filled_up_is_padding(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    batch = _batch(model)
    num_tokens = batch.input_ids.shape[1]
    wide = widened(batch, 0, 48)
    assert wide.input_ids.shape[1] > num_tokens
    assert torch.equal(wide.input_ids[:, :num_tokens], batch.input_ids)
    assert not wide.attention_mask[:, num_tokens:].any()
    assert bool((wide.input_ids[:, num_tokens:] == 0).all())
    assert widened(batch, 0, num_tokens) is batch


def test_what_is_laid_out_otherwise_is_left_alone(tiny_folder):
    model = tiny.load(tiny_folder("bert"))
    batch = _batch(model)
    kept = dataclasses.replace(batch, cached=np.zeros(3, dtype=np.int64))
    assert widened(kept, 0, 48) is kept


def test_only_bfloat16_on_a_cpu_is_widened(tiny_folder, monkeypatch):
    model = tiny.load(tiny_folder("bert")).eval()
    batch = _batch(model)
    seen = []
    model.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    for precision in ("float32", "bfloat16"):
        forward = Forward(model, torch.device("cpu"), precision)
        seen.clear()
        with torch.no_grad():
            outputs = forward(batch)
            wider = forward(widened(batch, 0, 48))
        bound = 1e-5 if precision == "float32" else 0.05
        torch.testing.assert_close(outputs, wider, rtol=bound, atol=bound)
        plain = batch.input_ids.shape[1]
        assert seen[0] == (plain if precision == "float32" else width(plain, 48))
