"""Checkpoints: exact, complete, retained so that falling back always works."""

import json
import shutil

import pytest
import torch

from afina.base import durable
from afina.base.errors import ResourceError, RunError
from afina.engine import checkpoint
from afina.engine.checkpoint import State


def states(step=1):
    return {
        "model": State({"weight": torch.full((3,), float(step))}),
        "optimizer": State({"0.exp_avg": torch.ones(3)}, {"lr": 0.1 + 0.2, "betas": [0.9, 0.999]}),
        "rng": State({"cpu": torch.get_rng_state()}),
        "callbacks": State(
            {}, {"best": float("-inf"), "worst": float("nan"), "seen": 2**70, "name": "nan", "none": None}
        ),
    }


def saved(run, *steps, best=None, keep=2):
    for step in steps:
        checkpoint.save(run, step, states(step), best=best, keep=keep)
    return run


def test_a_checkpoint_gives_back_exactly_what_was_saved(tmp_path):
    written = checkpoint.save(tmp_path, 200, states(), best=200)
    assert written.path == tmp_path / "checkpoints" / "step-000200"
    assert sorted(path.name for path in written.path.iterdir()) == [
        "manifest.json", "model.safetensors", "optimizer.safetensors", "rng.safetensors", "state.json",
    ]  # fmt: skip
    found, problems = checkpoint.newest(tmp_path, states())
    assert (found, problems) == (written, [])
    loaded, expected = found.read(), states()
    assert loaded.keys() == expected.keys()
    assert torch.equal(loaded["rng"].tensors["cpu"], expected["rng"].tensors["cpu"])
    assert torch.equal(loaded["model"].tensors["weight"], expected["model"].tensors["weight"])
    assert loaded["optimizer"].values == {"lr": 0.1 + 0.2, "betas": [0.9, 0.999]}
    assert repr(loaded["callbacks"].values) == repr(expected["callbacks"].values)
    assert found.values()["callbacks"]["seen"] == 2**70
    json.loads((found.path / "state.json").read_text(), parse_constant=pytest.fail)


def test_a_checkpoint_does_not_change_with_the_tensors_after_it(tmp_path):
    weight = torch.zeros(3)
    checkpoint.save(tmp_path, 1, {"model": State({"weight": weight})})
    weight += 1
    assert checkpoint.newest(tmp_path)[0].read()["model"].tensors["weight"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {2}}, torch.ones(1), b"x", {"$float": "nan"}])
def test_a_value_that_json_does_not_hold_exactly_is_refused(tmp_path, value):
    with pytest.raises(ValueError, match="cannot hold"):
        checkpoint.save(tmp_path, 1, {"loop": State({}, {"value": value})})
    assert checkpoint.steps(tmp_path) == []


def test_the_newest_and_the_best_are_kept(tmp_path):
    saved(tmp_path, 1, 2)
    saved(tmp_path, 3, 4, 5, 6, best=3)
    assert checkpoint.steps(tmp_path) == [3, 5, 6]
    assert checkpoint.best(tmp_path).step == 3
    saved(tmp_path, 7, 8, keep=3, best=3)
    assert checkpoint.steps(tmp_path) == [3, 6, 7, 8]
    with pytest.raises(ValueError, match="at least 2"):
        saved(tmp_path, 9, keep=1)


def test_what_an_earlier_checkpoint_calls_the_best_is_kept_with_it(tmp_path):
    saved(tmp_path, 1, 2, best=1)
    saved(tmp_path, 3, best=3)
    assert checkpoint.steps(tmp_path) == [1, 2, 3]
    saved(tmp_path, 4, best=3)
    assert checkpoint.steps(tmp_path) == [3, 4]


def test_the_newest_whole_one_is_used_and_the_others_are_named(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "checkpoints" / "step-000002" / "rng.safetensors").write_bytes(b"x")
    found, problems = checkpoint.newest(tmp_path, states())
    assert found.step == 1
    assert len(problems) == 1
    assert problems[0].where.endswith("step-000002/rng.safetensors")
    with pytest.raises(RunError, match="rng.safetensors"):
        checkpoint.at(tmp_path, 2)
    with pytest.raises(RunError, match="missing"):
        checkpoint.at(tmp_path, 7)


@pytest.mark.parametrize("lacking", ["model", "optimizer", "rng", "callbacks"])
def test_a_checkpoint_that_lacks_a_component_is_not_used(tmp_path, lacking):
    saved(tmp_path, 1)
    checkpoint.save(tmp_path, 2, {name: state for name, state in states().items() if name != lacking})
    found, problems = checkpoint.newest(tmp_path, states())
    assert found.step == 1
    assert lacking in problems[0].what
    assert checkpoint.newest(tmp_path)[0].step == 2


def test_a_tensors_file_that_is_gone_is_noticed_even_with_a_fitting_manifest(tmp_path):
    saved(tmp_path, 1)
    source = tmp_path / "checkpoints" / "step-000001"
    with durable.atomic_folder(tmp_path / "checkpoints" / "step-000002") as folder:
        for name in ("model.safetensors", "rng.safetensors", "state.json"):
            shutil.copy(source / name, folder / name)
    found, problems = checkpoint.newest(tmp_path)
    assert found.step == 1
    assert {problem.what for problem in problems} == {
        "The file is missing.",
        "The checkpoint of step 1 lies in another's folder.",
    }


def test_a_resumed_run_leaves_its_lost_future_behind(tmp_path):
    saved(tmp_path, 2, 4, 6)
    (tmp_path / "checkpoints" / "step-000006" / "state.json").write_text("{}")
    saved(tmp_path, 5)
    assert checkpoint.steps(tmp_path) == [4, 5]


def test_saving_a_step_again_replaces_it(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "checkpoints" / "step-000002" / "state.json").write_text("{}")
    saved(tmp_path, 2)
    assert checkpoint.newest(tmp_path)[0].step == 2


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    saved(tmp_path, 1)
    monkeypatch.setattr(durable, "free_bytes", lambda path: 1000)
    with pytest.raises(ResourceError, match="E-DISK-001"):
        saved(tmp_path, 2)
    assert checkpoint.steps(tmp_path) == [1]


def test_the_estimate_covers_what_is_written(tmp_path):
    saved(tmp_path, 1)
    written = sum(path.stat().st_size for path in (tmp_path / "checkpoints").rglob("*") if path.is_file())
    assert written <= checkpoint.estimate(states())


def test_no_checkpoint_at_all(tmp_path):
    assert checkpoint.newest(tmp_path) == (None, [])
    assert checkpoint.best(tmp_path) is None
    assert checkpoint.steps(tmp_path) == []


def test_clean_removes_what_dead_saves_left(tmp_path):
    saved(tmp_path, 1)
    (tmp_path / "checkpoints" / ".step-000002.999999999-0123abcd-0.tmp").mkdir()
    (tmp_path / ".status.json.999999999-0123abcd-0.tmp").write_text("x")
    assert len(checkpoint.clean(tmp_path)) == 2
    assert checkpoint.clean(tmp_path) == []
