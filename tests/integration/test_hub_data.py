"""Data sets on the Hub, fetched from a real server on this machine by processes that know no other."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import hub_server
from tests.typist import Typist

FIRST, SECOND = "1" * 40, "2" * 40
ASK = """
import json, sys
from pathlib import Path
from afina.base.errors import AfinaError
from afina.data import places
answers = []
for name, split in json.loads(sys.stdin.read()):
    try:
        place = places.locate([name], Path(), split)
        answers.append([place.name, list(place.fingerprints()), place.note])
    except AfinaError as error:
        answers.append([error.code, error.problem.expected, error.problem.mend])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A Hub with a few data sets: its folder, and the environment of a process that uses it."""
    folder = tmp_path_factory.mktemp("hub")
    server = subprocess.Popen(
        [sys.executable, hub_server.__file__, str(folder)], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "AFINA_"))}
    environment = {
        **kept,
        "AFINA_LANG": "en",
        "HF_ENDPOINT": f"http://127.0.0.1:{server.stdout.readline().strip()}",
        "HF_HOME": str(tmp_path_factory.mktemp("home")),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_ETAG_TIMEOUT": "1",
    }
    yield folder, environment
    server.terminate()
    server.communicate()


@pytest.fixture(scope="module")
def reviews(hub, sentences):
    """A data set of two splits, beside them a script and files that hold no rows."""
    rows = sentences(90)
    parts = {"train-00000-of-00002": rows[:30], "train-00001-of-00002": rows[30:60], "test-00000-of-00001": rows[60:]}
    for name, part in parts.items():
        put(hub, "ana/reviews", {f"data/{name}.csv": table(part)})
    extra = {"README.md": "# Reviews\n", "reviews.py": "raise SystemExit('code of a data set ran')\n"}
    put(hub, "ana/reviews", {**extra, "dataset_infos.json": "{}", ".gitattributes": ""})
    return "hub:ana/reviews"


def put(hub, name, files, commit=FIRST):
    place = hub[0] / name
    for path, text in files.items():
        file = place / commit / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (place / "refs.json").write_text(json.dumps({"main": commit, "refs/pr/1": FIRST}), encoding="utf-8")
    return place


def table(rows):
    return "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows)


def ask(hub, *names, **environment):
    questions = [name if isinstance(name, tuple) else (name, "train") for name in names]
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        env={**hub[1], **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def type_in(hub, place):
    """A function that types a command in the user's folder."""
    typist = Typist(place, hub[1])
    yield typist
    typist.close()


def test_splits_are_found_by_their_files_names_and_pinned_to_the_commit(hub, reviews):
    train, test, pinned, one = ask(
        hub, reviews, (reviews, "test"), (f"{reviews}@refs/pr/1", "test"), f"{reviews}/data/test-00000-of-00001.csv"
    )
    assert train[0] == f"hub:ana/reviews@{FIRST}#train"
    names = [f"hub:ana/reviews/data/train-0000{number}-of-00002.csv@{FIRST}" for number in (0, 1)]
    assert train[1] == names
    assert test[:2] == [f"hub:ana/reviews@{FIRST}#test", [f"hub:ana/reviews/data/test-00000-of-00001.csv@{FIRST}"]]
    assert pinned[:2] == test[:2]
    assert one[1] == test[1]
    asked = (hub[0] / "asked.txt").read_text("utf-8")
    assert "resolve" in asked
    assert not [line for line in asked.splitlines() if line.endswith((".py", ".md", "infos.json", ".gitattributes"))]


def test_what_is_wrong_is_said_with_its_mend(hub, reviews):
    rows = table([("good", "yes"), ("bad", "no")])
    (put(hub, "ana/closed", {"train.csv": rows}) / "gated").write_text("", encoding="utf-8")
    put(hub, "ana/scripted", {"scripted.py": "", "README.md": ""})
    put(hub, "ana/many", {"cola/train.csv": rows, "cola/test.csv": rows, "sst2/train.csv": rows})
    answers = ask(
        hub,
        "hub:ana/closed",
        "hub:ana/nowhere",
        f"{reviews}@no-such-branch",
        "hub:ana/scripted",
        "hub:ana/many",
        (f"{reviews}", "validation"),
        "hub:nonsense",
        "hub:ana/many/cola",
        "hub:ana/many/cola#test",
    )
    assert [answer[0] for answer in answers] == [
        *("E-DATA-032", "E-DATA-031", "E-DATA-033", "E-DATA-036", "E-DATA-016", "E-DATA-015", "E-DATA-030"),
        f"hub:ana/many/cola@{FIRST}#train",
        f"hub:ana/many/cola@{FIRST}#test",
    ]
    closed, _, _, scripted, many, split, spelled = (answer[1:] for answer in answers[:7])
    assert "hf auth login" in closed[1]
    assert "hub:ana/scripted@refs/convert/parquet" in scripted[1]
    assert many == ["cola, sst2", "Name the one you mean: hub:ana/many/sst2"]
    assert split[0] == "train, test"
    assert "hub:owner/name" in spelled[0]


def test_without_a_network_what_was_fetched_is_read_and_what_was_not_is_refused(hub, reviews):
    before = ask(hub, reviews)
    asked = (hub[0] / "asked.txt").read_text("utf-8")
    for switch in ("AFINA_OFFLINE", "HF_HUB_OFFLINE"):
        again, other = ask(hub, reviews, "hub:ana/never-fetched", **{switch: "1"})
        assert again == before[0]
        assert other[0] == "E-DATA-034"
        assert switch in other[2]
    assert (hub[0] / "asked.txt").read_text("utf-8") == asked
    again, other = ask(hub, reviews, "hub:ana/never-fetched", HF_ENDPOINT="http://127.0.0.1:9")
    assert again == before[0]
    assert other[0] == "E-DATA-035"


def test_check_and_preview_read_a_data_set_by_its_name(type_in, reviews):
    code, out, err = type_in("data", "check", reviews, "--json")
    assert code == 0, out + err
    document = json.loads(out)
    assert {name: split["num_rows"] for name, split in document["splits"].items()} == {"train": 60, "test": 30}
    assert document["next"].startswith("afina data")
    code, out, err = type_in("data", "preview", f"{reviews}#test", "-n", "2")
    assert code == 0, err
    assert out.startswith("reviews  csv")
    assert "test-00000-of-00001.csv:2" in out


def test_a_run_is_pinned_to_the_commit_and_refuses_changed_rows(hub, type_in, place, reviews, tiny_bert, sentences):
    recipe = f"base: {tiny_bert}\ndata: {reviews}\ntuning: head\nevaluation: {{num_resamples: 100}}\noutput: run\n"
    (place / "recipe.yaml").write_text(recipe, encoding="utf-8")
    code, _, err = type_in("train", "recipe.yaml", "training.max_steps=4", "training.save_every_steps=2", "--json")
    assert code == 0, err
    run = place / "run"
    data = json.loads((run / "data.json").read_text("utf-8"))
    assert (data["splits"]["test"], data["splits"]["train"] + data["splits"]["validation"]) == (30, 60)
    environment = json.loads((run / "environment.json").read_text("utf-8"))
    assert all(name.endswith(f"@{FIRST}") for name in environment["data_fingerprints"])
    assert len(environment["data_fingerprints"]) == 3
    resolved = (run / "recipe.yaml").read_text("utf-8")
    assert f'train: "{reviews}@{FIRST}#train"  # inferred: the commit' in resolved
    assert f'test: "{reviews}@{FIRST}#test"' in resolved

    # The data set moves on; the run stays with its own commit, and sees that one of its files was touched.
    put(hub, "ana/reviews", {"data/train.csv": table(sentences(20, seed=3))}, SECOND)
    assert ask(hub, reviews)[0][0] == f"{reviews}@{SECOND}#train"
    code, out, _ = type_in("data", "check", "run/recipe.yaml", "--json")
    assert json.loads(out)["splits"]["train"]["num_rows"] == 60
    (run / "status.json").unlink()
    touched = next(Path(hub[1]["HF_HOME"]).rglob(f"{FIRST}/data/train-00000-of-00002.csv")).resolve()
    lines = list(csv.reader(touched.read_text("utf-8").splitlines()))
    touched.write_text(table([*lines[1:-1], ("another text", lines[-1][1])]), encoding="utf-8")
    code, _, err = type_in("resume", "run")
    assert code == 2, err
    assert "E-RUN-021" in err
    assert f"train-00000-of-00002.csv@{FIRST}" in err
