"""Runs that are ready for their first step, on tiny random models."""

from dataclasses import replace

import pytest


@pytest.fixture
def make_job(tiny_bert, make_csv):
    """A function that prepares a run: `make_job(tuning="full", num_rows=60, **sections)`."""
    from afina.recipe import reading
    from afina.run import execute, planning_of

    def make(tuning="full", num_rows=60, **sections):
        training = {"precision": "float32", "global_batch_size": 8, **sections.pop("training", {})}
        recipe = {"base": str(tiny_bert), "data": str(make_csv(num_rows)), "tuning": tuning, "training": training}
        return planning_of.job_of(execute.prepare(reading.from_keywords({**recipe, **sections})))

    return make


@pytest.fixture
def facts(tmp_path):
    """This machine, with room enough whatever else runs on it."""
    from afina.base import device

    found = device.facts(tmp_path)
    return replace(found, memory_available_bytes=8 * 10**9, disk_free_bytes=10**11, accelerator=None)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    """A prefix cache of the test's own, empty."""
    from afina.base import environment

    monkeypatch.setattr(environment, "cache_home", lambda: tmp_path / "cache")
    return tmp_path / "cache"
