"""Run folders: made once, found by what people type, and honest about what the run is doing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from afina.base import durable
from afina.base.errors import RunError
from afina.base.lease import Lease
from afina.run.folder import RunFolder, create, find, runs


def evaluated(run, value, metric="accuracy"):
    durable.write_json(run.evaluation, {"scores": {"tuned": {"main": {"metric": metric, "value": value}}}})
    return run


def test_create_names_the_folder_by_time_and_name(tmp_path):
    run = create("my reviews/á.csv", tmp_path)
    assert re.fullmatch(r"\d{8}-\d{6}-my-reviews-á\.csv", run.name)
    assert run.status == "new"
    assert run.created.startswith(f"{run.name[:4]}-{run.name[4:6]}-{run.name[6:8]}T")


def test_runs_made_in_the_same_second_are_different(tmp_path):
    made = [create("a", tmp_path) for _ in range(5)]
    assert len({run.name for run in made}) == 5
    assert [run.name for run in runs(tmp_path)] == [run.name for run in made]


def test_create_honours_an_output_folder(tmp_path):
    run = create("a", output=tmp_path / "deep" / "first")
    assert run.path == tmp_path / "deep" / "first"
    with pytest.raises(RunError, match=r"E-FOLDER-001(.|\n)*afina resume .*first"):
        create("a", output=run.path)


def test_create_takes_an_empty_folder_and_refuses_other_files(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".lease").write_text("")
    assert create("a", output=tmp_path / "empty").is_run
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for output in (tmp_path / "full", tmp_path / "full" / "thesis.txt"):
        with pytest.raises(RunError, match="E-FOLDER-002"):
            create("a", output=output)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_find_by_name_prefix_path_and_last(tmp_path, monkeypatch):
    reviews, support = create("reviews", tmp_path), create("support", tmp_path)
    elsewhere = create("x", output=tmp_path / "else" / "where")
    assert find(reviews.name, tmp_path) == reviews
    assert find("rev", tmp_path) == reviews
    assert find("support", tmp_path) == support
    assert find("last", tmp_path) == support
    assert find(str(elsewhere.path), tmp_path) == elsewhere
    monkeypatch.chdir(tmp_path / "else")
    assert find("where", tmp_path).path.samefile(elsewhere.path)


def test_find_says_what_else_may_be_meant(tmp_path):
    made = [create("reviews", tmp_path), create("reviews", tmp_path), create("support", tmp_path)]
    with pytest.raises(RunError, match="may mean 2 runs") as caught:
        find("reviews", tmp_path)
    assert caught.value.problem.expected == ", ".join(run.name for run in made[:2])
    with pytest.raises(RunError, match="There is no run 'sapport'") as caught:
        find("sapport", tmp_path)
    assert caught.value.problem.expected == made[2].name
    for reference in ("", "last", "best", "a"):
        with pytest.raises(RunError):
            find(reference, tmp_path / "empty")


def test_find_best_knows_the_direction_of_the_metric(tmp_path):
    made = [create(name, tmp_path) for name in "abcd"]
    with pytest.raises(RunError, match="E-FOLDER-003"):
        find("best", tmp_path)
    for run, value in zip(made, (0.8, 0.9, 0.85), strict=False):
        evaluated(run, value)
    assert find("best", tmp_path) == made[1]
    for run, value in zip(made, (0.8, 0.7, 0.85), strict=False):
        evaluated(run, value, "rmse")
    assert find("best", tmp_path) == made[1]
    evaluated(made[3], 0.1)
    assert find("best", tmp_path) == made[3]


def test_status_follows_the_files_and_the_lease(tmp_path):
    run = create("a", tmp_path)
    with Lease(run.path):
        assert run.status == "running"
        run.say_status("running", pid=1)
    assert run.status == "interrupted"
    run.say_status("failed", error="E-X")
    assert run.status == "failed"
    run.say_status("finished")
    assert run.status == "finished"
    assert run.facts()["error"] == "E-X"
    assert run.created


def test_a_run_that_only_left_checkpoints_was_interrupted(tmp_path):
    run = create("a", tmp_path)
    run.checkpoints.mkdir()
    run.status_file.unlink()
    run.recipe.write_text("version: 1\n")
    assert run.is_run
    assert run.status == "interrupted"
    assert run.created == ""
    assert runs(tmp_path) == [run]


def test_size_counts_every_file(tmp_path):
    run = create("a", tmp_path)
    before = run.size_bytes
    durable.write_bytes(run.model / "weights", bytes(1000))
    assert run.size_bytes == before + 1000


def test_score_is_read_from_the_evaluation(tmp_path):
    run = create("a", tmp_path)
    assert run.score() is None
    assert evaluated(run, 0.75).score() == ("accuracy", 0.75)
    run.evaluation.write_text(json.dumps({"scores": None}))
    assert run.score() is None


def test_every_path_lies_in_the_folder():
    run = RunFolder(Path("r"))
    names = [
        path.name
        for path in (run.recipe, run.environment, run.data, run.events, run.checkpoints, run.model, run.evaluation)
    ]
    assert names == [
        "recipe.yaml", "environment.json", "data.json", "events.jsonl", "checkpoints", "model", "evaluation.json",
    ]  # fmt: skip
    assert [path.name for path in (run.predictions, run.report)] == ["predictions.parquet", "report.html"]


def test_folders_are_read_without_torch():
    script = "import sys, afina.run.folder, afina.run.listing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
