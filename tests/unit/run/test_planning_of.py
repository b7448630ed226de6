from dataclasses import replace

import pytest
import torch

from afina.base import device, environment
from afina.planning.measuring import measure
from afina.recipe import reading
from afina.run import execute
from afina.run.folder import RunFolder
from afina.run.listener import Silent
from afina.run.planning_of import decided, job_of, planning_of


def _prepared(tiny_bert, make_csv, **sections):
    recipe = {"base": str(tiny_bert), "data": str(make_csv()), "tuning": "full", **sections}
    return execute.prepare(reading.from_keywords(recipe))


def test_planning_of_a_prepared_run_leaves_it_as_it_was(tiny_bert, make_csv, tmp_path):
    prepared = _prepared(tiny_bert, make_csv)
    before = {name: value.clone() for name, value in prepared.model.state_dict().items()}
    random_state = torch.get_rng_state()
    plan = planning_of(prepared, tmp_path / "not" / "there" / "yet")
    assert plan.steps.num_steps == prepared.settings.num_steps
    assert not (tmp_path / "not").exists()
    assert plan.frozen is None
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in prepared.model.state_dict().items())


def test_job_counts_the_rows_that_are_judged(tiny_bert, make_csv):
    prepared = _prepared(tiny_bert, make_csv)
    segments = prepared.gathered.segments
    held_out = job_of(prepared).held_out
    assert len(held_out.validation) == len(segments["validation"])
    assert len(held_out.base) == sum(len(rows) for rows in segments.values())
    assert len(held_out.tuned) == len(segments["test"]) + len(segments["train"])


def test_the_rows_of_the_job_are_those_that_the_run_computes_once(tiny_bert, make_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")
    training = {"epochs": 3, "precision": "float32"}
    prepared = _prepared(tiny_bert, make_csv, tuning="head", training=training)
    plan = planning_of(prepared, tmp_path)
    prefix = prepared.forward.prefix
    missing = prefix.missing([row for rows in prepared.gathered.segments.values() for row in rows])
    assert (plan.frozen.num_texts, plan.frozen.disk_bytes) == (len(missing), prefix.bytes_of(missing))
    # The cache lies on the same disk as the run.
    elsewhere = measure(replace(job_of(prepared), is_cache_beside=False), device.facts(tmp_path))
    assert plan.disk.peak.low == elsewhere.disk.peak.low + plan.frozen.disk_bytes
    assert not (tmp_path / "cache").exists()


def test_what_a_retention_holds_is_in_the_job(tiny_bert, make_csv):
    job = job_of(_prepared(tiny_bert, make_csv, retention="l2-sp"))
    assert job.material.retention.penalty(job.material.forward.model).requires_grad


def test_gradient_checkpointing_is_written_down_as_the_plan_decided_it(tiny_bert, make_csv, tmp_path):
    prepared = _prepared(tiny_bert, make_csv)
    plan = planning_of(prepared, tmp_path)
    path = "training.gradient_checkpointing"
    off = decided(prepared, plan).resolved
    assert (off.recipe.training.gradient_checkpointing, off.origins[path].why) == (
        "off",
        "the run fits into memory without it",
    )
    on = decided(prepared, replace(plan, gradient_checkpointing="on", gradient_checkpointing_reason="so")).resolved
    assert (on.recipe.training.gradient_checkpointing, on.origins[path].why) == ("on", "so")
    asked = _prepared(tiny_bert, make_csv, training={"gradient_checkpointing": "off"})
    assert decided(asked, plan) is asked


@pytest.mark.parametrize(("setting", "times"), [("on", 2), ("off", 1), ("auto", 1)])
def test_a_run_computes_blocks_again_as_its_recipe_says(tiny_bert, make_csv, tmp_path, setting, times):
    training = {"gradient_checkpointing": setting, "max_steps": 3}
    tuning = {"kind": "full", "head_first_epochs": 0}
    prepared = _prepared(tiny_bert, make_csv, training=training, tuning=tuning, data={"train": str(make_csv())})
    computed = []
    lowest = prepared.model.block_modules[0]
    next(iter(lowest.children())).register_forward_pre_hook(
        lambda *_: computed.append(1) if torch.is_grad_enabled() else None
    )
    execute._fit(prepared, RunFolder(tmp_path), [], Silent())
    assert len(computed) == 3 * times
