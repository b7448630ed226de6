"""How a run's command ends."""

import json

import pytest
import typer

from afina.base.errors import DataError
from afina.cli import output
from afina.cli.ending import carrying, reference
from afina.run.folder import RunFolder, create
from afina.run.signals import Interrupted


@pytest.fixture(autouse=True)
def _fresh():
    output.reset()
    yield
    output.reset()


def cut(run, request):
    with carrying() as told:
        told.opened(run)
        raise request


def test_an_interrupted_run_says_where_it_was_saved_and_how_to_go_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = create("a")
    with pytest.raises(typer.Exit) as ended:
        cut(run, Interrupted(15, step=7))
    assert ended.value.exit_code == 143
    assert f"saved at step 7.\nGo on with it: afina resume {run.name}" in capsys.readouterr().err


def test_an_interrupted_run_is_one_document_under_json(tmp_path, capsys):
    output.settings.json = True
    with pytest.raises(typer.Exit):
        cut(RunFolder(tmp_path / "a"), Interrupted(2))
    assert json.loads(capsys.readouterr().out)["status"] == "interrupted"


def test_errors_that_every_process_meets_are_said_by_the_main_one(monkeypatch):
    with pytest.raises(DataError), carrying():
        raise DataError("E-DATA-001", "No such file.")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(typer.Exit) as ended, carrying():
        raise DataError("E-DATA-001", "No such file.")
    assert ended.value.exit_code == 3


def test_a_run_elsewhere_is_called_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reference(RunFolder(tmp_path / "runs" / "a")) == "a"
    assert reference(RunFolder(tmp_path / "else" / "a")) == str(tmp_path / "else" / "a")
