from dataclasses import replace

import pytest
import torch

from afina.planning import footprint
from afina.planning.footprint import Parts, Room

PARTS = Parts(100.0, 80.0, 40.0, 80.0, 160.0, kept=500.0, passing=20.0, judging=50.0, accumulates=False)


@pytest.mark.parametrize("tuning", ["full", "head", "norm"])
def test_parts_are_exact(make_job, tuning):
    material = make_job(tuning).material
    model = material.forward.model
    parts = footprint.parts_of(model, frozenset(material.report.names), 7.0)
    batch = {"input_ids": torch.ones(2, 5, dtype=torch.long), "mask": torch.ones(2, 5, dtype=torch.bool)}
    model(batch["input_ids"], batch["mask"]).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert parts.weights == 4 * material.report.num_total
    assert parts.moving == 4 * material.report.num_trainable
    assert parts.gradients == sum(gradient.nbytes for gradient in gradients)
    assert parts.state == 7.0
    assert parts.largest <= parts.moving


def test_a_step_is_the_peak_of_a_long_batch_and_judging_of_a_frozen_base():
    room = Room(1000, 10**12)
    assert footprint.peak(replace(PARTS, kept=1e9), room)[1] == "step"
    frozen = replace(PARTS, moving=0, largest=0, gradients=0, state=0, kept=0, passing=0)
    assert footprint.peak(frozen, room)[1] == "comparing"
    span, name = footprint.peak(replace(PARTS, largest=1e9), room)
    assert name == "step"
    assert span.high > 3e9


def test_the_base_comes_on_top_of_what_training_took():
    needs = footprint.moments(PARTS)
    assert needs["comparing"].high == needs["step"].high + PARTS.weights + footprint.CLOSING_BYTES


def test_accumulating_holds_gradients_beside_activations():
    alone, again = (footprint.moments(replace(PARTS, accumulates=value))["step"] for value in (False, True))
    assert (alone.low, again.low) == (160 + 500, 160 + 80 + 500)
    assert alone.high == again.high


def test_every_moment_is_a_range():
    for need in footprint.moments(PARTS).values():
        assert 0 <= need.low <= need.high


def test_room_counts_what_is_there(make_job, facts):
    model = make_job().material.forward.model
    room = footprint.room(model, torch.device("cpu"), facts)
    assert room.used_bytes > 100_000_000
    assert room.free_bytes <= facts.memory_available_bytes
    assert room.limit_bytes == room.used_bytes + room.free_bytes
    assert room.shared(2).free_bytes == room.free_bytes // 2


def test_shown_parts_are_whole_numbers():
    assert footprint.shown(PARTS) == {"weights": 100, "gradients": 80, "state": 160, "kept": 500}
