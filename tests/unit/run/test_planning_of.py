import torch

from afina.recipe import reading
from afina.run import execute
from afina.run.planning_of import job_of, planning_of


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
    assert torch.equal(random_state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in prepared.model.state_dict().items())


def test_job_counts_the_rows_that_are_judged(tiny_bert, make_csv):
    prepared = _prepared(tiny_bert, make_csv)
    segments = prepared.gathered.segments
    held_out = job_of(prepared).held_out
    assert len(held_out.validation) == len(segments["validation"])
    whole = 2 * len(segments["train"]) + len(segments["validation"]) + 2 * len(segments["test"])
    assert len(held_out.closing) == whole


def test_what_a_retention_holds_is_in_the_job(tiny_bert, make_csv):
    job = job_of(_prepared(tiny_bert, make_csv, retention="l2-sp"))
    assert job.material.retention.penalty(job.material.forward.model).requires_grad
