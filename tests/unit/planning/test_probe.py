from dataclasses import replace

import numpy as np
import pytest
import torch

from afina.planning import probe as probing
from afina.planning.probe import Measured, Sample, probe
from afina.planning.workload import Sizes, longest_rows

ROOM = 10**9


def _rows(material, count=8):
    return longest_rows(Sizes.of(material.segments), count)


def _trace(model):
    return {
        "weights": {name: value.clone() for name, value in model.state_dict().items()},
        "modes": [module.training for module in model.modules()],
        "moving": [parameter.requires_grad for parameter in model.parameters()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "random": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
    }


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float64"])
def test_probe_leaves_no_trace(make_job, precision):
    material = make_job("head", training={"precision": precision}).material
    model = material.forward.model.eval()
    kept = torch.ones_like(next(model.parameters()))
    next(model.parameters()).grad = kept
    before = _trace(model)
    assert probe(material, _rows(material), ROOM) is not None
    after = _trace(model)
    assert all(torch.equal(after["weights"][name], value) for name, value in before["weights"].items())
    assert torch.equal(before["random"], after["random"])
    assert np.array_equal(before["numpy"], after["numpy"])
    assert [after[name] for name in ("modes", "moving")] == [before[name] for name in ("modes", "moving")]
    assert after["gradients"][0] is kept
    assert not any(gradient is not None for gradient in after["gradients"][1:])


def test_probe_draws_random_numbers_that_it_gives_back(make_job):
    material = make_job(base={"name": make_job().material.forward.model.origin.folder, "dropout": 0.5}).material
    before = torch.get_rng_state()
    with probing.untouched(material.forward):
        material.forward.model.train()
        probing._pass(material, _rows(material))
        assert not torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.get_rng_state(), before)


def test_two_samples_foretell_a_third(make_job):
    material = make_job().material
    rows = _rows(material, 12)
    measured = probe(material, rows, ROOM)
    with probing.untouched(material.forward):
        material.forward.model.train()
        third = probing._pass(material, rows[:5])
    predicted = measured.activations.num_bytes(third.num_sequences, third.num_tokens)
    # Rows of one length: the longest is in each of them.
    assert predicted == pytest.approx(third.kept_bytes + third.kept_pairs_bytes, rel=0.01)


def test_only_what_moves_is_kept(make_job):
    whole, head = (probe(job.material, _rows(job.material), ROOM) for job in (make_job("full"), make_job("head")))
    assert head.large.kept_bytes < whole.large.kept_bytes / 20


def test_probe_takes_fewer_rows_where_memory_is_short(make_job):
    material = make_job().material
    one = probe(material, _rows(material), ROOM).one
    short = probe(material, _rows(material), 4 * (one.kept_bytes + one.kept_pairs_bytes) / probing.MEMORY_SHARE)
    assert short.large.num_rows == 4
    assert short.activations.num_bytes(8, one.num_tokens) > 7 * one.kept_bytes


class Exhausting:
    """An objective that memory never suffices for."""

    def step(self, model, batch, aids):
        raise MemoryError


class Wrong:
    """An objective with a mistake in it."""

    def step(self, model, batch, aids):
        raise RuntimeError("shapes do not match")


def test_probe_says_nothing_when_memory_ran_out(make_job):
    material = make_job().material
    before = _trace(material.forward.model)
    assert probe(replace(material, objective=Exhausting()), _rows(material), ROOM) is None
    assert torch.equal(before["random"], torch.get_rng_state())


def test_probe_hides_no_mistake(make_job):
    material = make_job().material
    with pytest.raises(RuntimeError, match="shapes"):
        probe(replace(material, objective=Wrong()), _rows(material), ROOM)


def test_overhead_is_the_line_at_no_rows():
    one, large = Sample(1, 1, 8, 0.1, 0.1, 110, 20), Sample(5, 5, 8, 0.25, 0.35, 150, 100)
    measured = Measured(one, large)
    assert measured.overhead_s == pytest.approx(0.1)
    assert measured.forward_share == pytest.approx(0.25 / 0.6)
    assert measured.activations.num_bytes(5, 8) == pytest.approx(250)
    assert measured.activations.constant == pytest.approx(100)
    assert Measured(one, one).overhead_s == 0


def test_computing_again_lengthens_the_way_back_alone():
    one, large = Sample(1, 1, 8, 0.1, 0.2, 110, 20), Sample(5, 5, 8, 0.4, 0.8, 150, 100)
    again = Measured(one, large).computing_again(0.5)
    assert (again.one.backward_s, again.large.backward_s) == pytest.approx((0.25, 1.0))
    assert (again.one.forward_s, again.large.forward_s) == (0.1, 0.4)
