"""`afina runs`, as typed."""

import json

import pytest

from afina.base import durable
from afina.base.lease import Lease
from afina.cli.main import main
from afina.run.folder import create


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [create(name) for name in ("reviews", "support")]
    for run, epochs in zip(runs, (3, 5), strict=True):
        durable.write_text(
            run.recipe, f"base: builtin:minilm\ntuning: {{kind: full}}\ntraining: {{epochs: {epochs}}}\n"
        )
        score = {"main": {"metric": "accuracy", "value": 0.9}, "metrics": [{"metric": "accuracy", "value": 0.9}]}
        durable.write_json(run.evaluation, {"scores": {"tuned": score}, "verdict": {"sentence": "Better."}})
    return runs


def document(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_ls_lists_runs_oldest_first(made, capsys):
    assert main(["runs", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", made[0].name, made[1].name]
    assert "full" in lines[1]
    assert [run["name"] for run in document(capsys, "runs", "ls")["runs"]] == [run.name for run in made]
    assert main(["runs", "ls", "--root", "nowhere"]) == 0
    assert "no runs in nowhere" in capsys.readouterr().out


def test_ls_speaks_portuguese(made, capsys):
    assert main(["--lang", "pt", "runs", "ls"]) == 0
    assert "situação" in capsys.readouterr().out


def test_show_tells_the_verdict(made, capsys):
    assert main(["runs", "show", "rev"]) == 0
    assert "Better." in capsys.readouterr().out
    assert document(capsys, "runs", "show")["name"] == made[1].name


def test_compare_shows_what_differs(made, capsys):
    assert document(capsys, "runs", "compare", "rev", "last") == {
        "first": str(made[0].path),
        "second": str(made[1].path),
        "recipe": {"training.epochs": {"first": 3, "second": 5}},
        "scores": {"tuned.accuracy": {"first": 0.9, "second": 0.9}},
    }
    assert main(["runs", "compare", "rev", "rev"]) == 0
    assert "same" in capsys.readouterr().out


def test_rm_removes_only_after_a_yes(made, capsys):
    assert main(["runs", "rm", "rev"]) == 2
    assert made[0].is_run
    assert document(capsys, "runs", "rm", "rev", "--yes") == {"removed": [str(made[0].path)]}
    assert not made[0].path.exists()
    assert made[1].is_run


def test_rm_refuses_a_run_that_is_held(made, capsys):
    with Lease(made[1].path):
        assert main(["runs", "rm", "rev", "last", "--yes"]) == 2
    assert "E-LEASE-001" in capsys.readouterr().err
    assert made[0].is_run
    assert made[1].is_run


def test_a_name_that_does_not_exist_is_refused_with_the_nearest(made, capsys):
    assert main(["runs", "show", "reviewz"]) == 2
    assert made[0].name in capsys.readouterr().err
