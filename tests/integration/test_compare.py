"""`afina compare` as a user types it: killed in the middle, gone on with, and the same table as without the kill."""

import contextlib
import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import afina
from afina.base import durable, lease
from afina.cli.main import main
from afina.regimes.compare import conduct, launching, table, table_notes, worker
from afina.regimes.compare.folder import Comparison
from afina.regimes.compare.python import Compared

pytestmark = pytest.mark.slow

RECIPE = """\
base: {base}
data: rows.csv
training: {{epochs: 5, global_batch_size: 4, save_every_steps: 4, precision: float32, callbacks: [], prefix_cache: off}}
evaluation: {{num_resamples: 200}}
"""
TUNINGS = ("bias", {"kind": "full", "layer_decay": 0.9}, {"kind": "last-blocks", "num_blocks": 40})
WORDS = (
    "--tuning",
    "bias,{kind: full, layer_decay: 0.9},{kind: last-blocks, num_blocks: 40}",
    "--seeds",
    "2",
    "--json",
)
SECOND = "full-layer_decay-0.9-seed42"
TAKES_TIME = ("train_s", "peak_memory_bytes")


@pytest.fixture(scope="module", autouse=True)
def project(tiny_bert, sentences, tmp_path_factory):
    place = tmp_path_factory.mktemp("compare")
    lines = [f"{text},{label}" for text, label in sentences(70)]
    durable.write_text(place / "rows.csv", "\n".join(["text,label", *lines, ""]))
    durable.write_text(place / "recipe.yaml", RECIPE.format(base=tiny_bert))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        yield place


@pytest.fixture(scope="module")
def killed(project):
    """A comparison whose command was killed in its second run, and what its first one left."""
    command = [sys.executable, "-m", "afina", "compare", "recipe.yaml", *WORDS, "--output", "one"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    comparison = Comparison(Path("one"))
    events = comparison.run(SECOND).events
    wait_for(lambda: events.is_file() and b'"step": 5' in events.read_bytes(), running)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    wait_for(lambda: lease.holder(comparison.run(SECOND).path) is None)
    assert comparison.run("bias-seed42").status == "finished"
    assert comparison.run(SECOND).status == "interrupted"
    assert not comparison.is_finished
    return comparison, digests(comparison.run("bias-seed42").path)


@pytest.fixture(scope="module")
def ended(killed):
    """The same command again, and its results."""
    code, out, err = type_in("compare", "recipe.yaml", *WORDS, "--output", "one")
    assert code == 0, err
    assert "[2/4] full (layer_decay 0.9), seed 42" in err
    assert "[1/4]" not in err
    return json.loads(out)


def wait_for(condition, running=None, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        assert running is None or running.poll() is None, running.stderr.read()
        time.sleep(0.01)


def type_in(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return code, out.getvalue(), err.getvalue()


def digests(folder):
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def lasting(results):
    """Return a table without what a clock or a place has a part in."""
    entries = [
        {
            **entry,
            "cost": entry["cost"] and {key: value for key, value in entry["cost"].items() if key not in TAKES_TIME},
            "runs": [{**run, "train_s": None} for run in entry["runs"]],
            "fronts": sorted(set(entry["fronts"]) - set(TAKES_TIME)),
        }
        for entry in results["entries"]
    ]
    verdict = {**results["verdict"], "remarks": len(results["verdict"]["remarks"])}
    left_out = ("path", "page", "name", "command", "entries", "verdict")
    return {**{key: value for key, value in results.items() if key not in left_out}, "rows": entries, "said": verdict}


def test_what_was_finished_before_the_kill_was_kept(killed, ended):
    comparison, before = killed
    after = digests(comparison.run("bias-seed42").path)
    assert {path: after[path] for path in before} == before


def test_every_entry_has_its_line_and_a_refused_one_its_reason(ended):
    by_name = {entry["name"]: entry for entry in ended["entries"]}
    refused = by_name.pop("last-blocks-num_blocks-40")
    assert "40" in refused["error"]["what"]
    assert refused["quality"] is None
    for entry in by_name.values():
        assert [run["seed"] for run in entry["runs"]] == [42, 43]
        assert entry["quality"]["low"] <= entry["quality"]["value"] <= entry["quality"]["high"]
        assert all(entry["cost"][key] > 0 for key in table.COSTS)
    assert (
        by_name["bias"]["cost"]["num_trainable_parameters"]
        < by_name["full-layer_decay-0.9"]["cost"]["num_trainable_parameters"]
    )
    assert ended["n"] == 14
    assert len(ended["pairs"]) == 1
    assert table_notes.notes(ended, {entry["name"]: entry["label"] for entry in ended["entries"]})[-1].startswith(
        "Without a result: last-blocks"
    )


def test_an_uninterrupted_run_gives_the_same_table(ended):
    shutil.copytree("one", "two", ignore=shutil.ignore_patterns(SECOND, "results.json", "compare.html"))
    code, out, err = type_in("compare", "--resume", "two", "--json")
    assert code == 0, err
    assert lasting(json.loads(out)) == lasting(ended)


def test_the_page_is_there_and_its_links_lead_to_reports(ended):
    page = Path("one/compare.html").read_text("utf-8")
    assert ended["verdict"]["sentence"] in page
    for entry in ended["entries"]:
        for run in entry["runs"]:
            assert f'href="{run["path"]}/report.html"' in page
            assert Path("one", run["path"], "report.html").is_file()
    assert "http" not in page.replace("http-equiv", "")


def test_its_runs_are_ordinary_runs(ended):
    code, out, _ = type_in("runs", "ls", "--root", "one/runs", "--json")
    assert code == 0
    found = json.loads(out)["runs"]
    assert len(found) == 4
    assert {run["status"] for run in found} == {"finished"}
    assert not list(Path("one/runs").glob("*/checkpoints"))
    environment = json.loads(Path("one/runs/bias-seed43/environment.json").read_text("utf-8"))
    assert environment["command"].startswith("afina compare recipe.yaml --tuning")


def test_python_asks_for_the_same_comparison(ended, tiny_bert):
    training = {"epochs": 5, "global_batch_size": 4, "save_every_steps": 4, "precision": "float32"}
    found = afina.compare(
        base=tiny_bert,
        data="rows.csv",
        tuning=TUNINGS,
        training={**training, "callbacks": [], "prefix_cache": "off"},
        evaluation={"num_resamples": 200},
        seeds=2,
        output="one",
        show_progress=False,
    )
    assert isinstance(found, Compared)
    assert {**found.results, "path": "one", "page": "one/compare.html"} == ended
    assert [run.folder.name for run in found.runs("bias")] == ["bias-seed42", "bias-seed43"]
    assert found.page.is_file()


def test_a_finished_one_is_shown_again_and_trained_no_more(ended):
    before = digests(Path("one"))
    code, out, _ = type_in("compare", "--resume", "one")
    assert code == 0
    assert out.startswith("Verdict\n")
    assert "last-blocks (num_blocks 40): no result." in out
    assert digests(Path("one")) == before


def test_changed_data_are_refused(ended):
    shutil.copytree("one", "three", ignore=shutil.ignore_patterns("*-seed43", "results.json", "compare.html"))
    rows = Path("rows.csv").read_text("utf-8")
    durable.write_text("rows.csv", rows + "one more,good\n")
    try:
        code, _, err = type_in("compare", "--resume", "three")
    finally:
        durable.write_text("rows.csv", rows)
    assert code == 2
    assert "E-COMPARE-024" in err


def test_a_finished_one_needs_no_process(ended):
    assert worker.__name__ == launching.MODULE
    results = conduct.carry(Comparison(Path("one")))
    assert {**results, "path": "one", "page": "one/compare.html"} == ended
