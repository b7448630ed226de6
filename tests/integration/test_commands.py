"""The documented commands, one after the other, as a user types them: on a tiny base, without a network."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from afina.base import durable
from afina.base.errors import DataError, RunError
from afina.cli.main import main
from afina.recipe.resolved import Resolved
from afina.run import evaluating, python
from afina.run.folder import RunFolder
from afina.run.opened import open_run

GUARD = """
import socket
_connect = socket.socket.connect
def connect(self, address):
    if self.family != socket.AF_UNIX and str(address[0]) not in ("127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"):
        raise RuntimeError(f"the network was asked for {address}")
    return _connect(self, address)
socket.socket.connect = connect
"""
QUICK = ("training.max_steps=6", "training.save_every_steps=2", "evaluation.num_resamples=100", "training.epochs=1")


@pytest.fixture(scope="module", autouse=True)
def project(tiny_bert, tmp_path_factory):
    """A project made by `afina init`, with the tiny base; every process started from it is cut off from the network."""
    place = tmp_path_factory.mktemp("user")
    durable.write_text(place / "guard" / "sitecustomize.py", GUARD)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("PYTHONPATH", str(place / "guard"))
        assert type_in("init", "project", "--recipe", "support")[0] == 0
        patch.chdir(place / "project")
        yield [f"base={tiny_bert}", *QUICK]


@pytest.fixture(scope="module")
def first(project):
    """The first run: trained, compared, shipped."""
    code, out, err = type_in("train", "recipe.yaml", *project, "output=runs/first", "--json")
    assert code == 0, err
    return {**json.loads(out), "said": err}


def type_in(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, out.getvalue(), err.getvalue()


def digests(folder):
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_data_check_of_the_sample_is_clean(project):
    code, out, _ = type_in("data", "check", "recipe.yaml", "--json")
    assert code == 0
    json.loads(out)


def test_dry_run_plans_and_leaves_nothing(project, tmp_path):
    output = tmp_path / "planned"
    code, out, err = type_in("train", "recipe.yaml", *project, f"output={output}", "--dry-run")
    assert code == 0, err
    assert "step" in out
    assert not output.exists()


def test_train_leaves_everything_that_a_run_promises(first):
    run = RunFolder(path := Path(first["path"]))
    assert first["status"] == "finished"
    assert first["verdict"] == first["evaluation"]["verdict"]["sentence"]
    assert all(file.exists() for file in (run.recipe, run.environment, run.data, run.events, run.evaluation))
    assert run.predictions.exists()
    assert "<html" in run.report.read_text("utf-8")
    assert not list(path.rglob(".*.tmp"))


def test_train_says_what_moves_what_was_inferred_and_where_it_is(first):
    for said in ("Moves:", "learning rate", "Inferred:", "training.learning_rate", "Data:", "comparing with the base"):
        assert said in first["said"]


def test_resume_of_a_finished_run_changes_no_file(first):
    folder = RunFolder(Path(first["path"])).path
    before = digests(folder)
    code, out, _ = type_in("resume", "first")
    assert code == 0
    assert "nothing to resume" in out
    code, out, _ = type_in("resume", "first", "--json")
    assert json.loads(out)["verdict"] == first["verdict"]
    assert digests(folder) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_resume_goes_on(project, tmp_path, number, code):
    run = RunFolder(tmp_path / "cut")
    words = [*project, "training.max_steps=400", "training.epochs=400", "training.callbacks=[]", f"output={run.path}"]
    asker = threading.Thread(target=ask_after_step, args=(run, 3, number))
    asker.start()
    ended, out, err = type_in("train", "recipe.yaml", *words, "--json")
    asker.join()
    assert ended == code, err
    said = json.loads(out)
    assert said["status"] == run.status == "interrupted"
    assert (run.checkpoints / f"step-{said['step']:06d}").is_dir()
    assert not run.model.exists()
    assert not run.evaluation.exists()
    recipe = run.recipe.read_text("utf-8")
    durable.write_text(run.recipe, recipe.replace("seed: 42", "seed: 43"))
    before = digests(run.path)
    refused, _, err = type_in("resume", str(run.path))
    assert refused == 2
    assert "seed" in err
    assert digests(run.path) == before


def ask_after_step(run, step, number):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if f'"step": {step}'.encode() in run.events.read_bytes():
                os.kill(os.getpid(), number)
                return
        time.sleep(0.01)


def test_eval_says_the_same_again_and_judges_another_file(first, tmp_path):
    code, out, err = type_in("eval", "first", "--json")
    assert code == 0, err
    again = json.loads(out)["evaluation"]
    assert again["scores"] == first["evaluation"]["scores"]
    code, out, err = type_in("eval", "first", "--data", "messages-test.csv")
    assert code == 0, err
    assert out.startswith("Verdict\n")


def test_predict_answers_texts(first):
    code, out, _ = type_in("predict", "first", "--text", "where is my parcel", "--text", "refund me", "--json")
    assert code == 0
    answers = json.loads(out)["predictions"]
    assert [answer["text"] for answer in answers] == ["where is my parcel", "refund me"]
    assert all(abs(sum(answer["probabilities"].values()) - 1) < 1e-6 for answer in answers)


def test_predict_answers_a_file_keeps_its_columns_and_lists_bad_rows(first, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("id,text,answer\n1,where is my parcel,x\n2,,y\n3,refund me,z\n", encoding="utf-8")
    code, out, err = type_in("predict", "first", str(rows), "-o", str(tmp_path / "out.csv"))
    assert code == 0, err
    assert "rows.csv:3" in err
    lines = (tmp_path / "out.csv").read_text("utf-8").splitlines()
    assert lines[0].startswith("id,text,answer,answer_2,p:")
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "3"]
    code, out, err = type_in("predict", "first", str(rows), "-o", str(tmp_path / "out.jsonl"), "--json")
    assert json.loads(out)["num_rows"] == 2
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [record["answer_2"] for record in records] == [line.split(",")[3] for line in lines[1:]]
    before = rows.read_bytes()
    code, out, err = type_in("predict", "first", str(rows), "-o", str(rows))
    assert (code, rows.read_bytes()) == (2, before)
    assert type_in("predict", "first", str(rows))[1].startswith("2: ")


def test_runs_are_listed_shown_and_compared(first, project):
    code, out, _ = type_in("runs", "ls", "--json")
    assert "first" in [run["name"] for run in json.loads(out)["runs"]]
    code, out, _ = type_in("runs", "show", "first")
    assert first["verdict"] in out
    assert type_in("runs", "compare", "first", "first")[0] == 0
    assert type_in("stop", "first")[0] == 0


def test_a_run_that_is_refused_leaves_no_folder_and_its_name_free(project, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("text,label\n", encoding="utf-8")
    words = ["train", "recipe.yaml", *project, f"output={tmp_path / 'refused'}"]
    assert type_in(*words, f"data={empty}")[0] == 3
    assert not (tmp_path / "refused").exists()
    assert type_in("train", "nowhere.yaml")[0] == 2
    assert type_in(*words, "base=./no-such-base")[0] == 6


def test_python_trains_the_same_run_and_answers(first, project, tiny_bert, tmp_path):
    given = Resolved.load(Path(first["path"], "recipe.yaml").read_text("utf-8")).recipe.model_dump(mode="json")
    run = python.train(show_progress=False, **{**given, "output": str(tmp_path / "run")})
    assert run.verdict == first["verdict"]
    mine, theirs = (Path(folder, "model", "model.safetensors") for folder in (run.folder.path, first["path"]))
    assert mine.read_bytes() == theirs.read_bytes()
    opened = open_run(str(run.folder.path))
    [one, same] = opened.predict(["where is my parcel", {"text": "where is my parcel", "more": 1}])
    assert one == same
    assert one.answer in opened.labels
    assert opened.text_columns == ("text",)
    with pytest.raises(RunError, match="no column 'text'"):
        opened.predict({"body": "where"})
    assert python.resume(run.folder).folder == run.folder
    rows = tmp_path / "strange.csv"
    rows.write_text("text,intent\nwhere is it,never heard of\n", encoding="utf-8")
    with pytest.raises(DataError, match="not among"):
        evaluating.evaluate(opened, rows)


def test_processes_train_together_and_one_speaks(project, tmp_path):
    output = tmp_path / "two"
    words = ["train", "recipe.yaml", *project, f"output={output}", "--processes", "2", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    ended = subprocess.run([sys.executable, "-m", "afina", *words], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "finished"
    assert ended.stderr.count("Moves:") == 1
    assert json.loads((output / "environment.json").read_text("utf-8"))["world_size"] == 2
    code, _, err = type_in("resume", str(output), "--processes", "3")
    assert code == 0  # it is finished: nothing has to match


def test_nothing_reached_for_the_network():
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 1)"],
            check=True,
            capture_output=True,
        )
