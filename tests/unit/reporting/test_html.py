"""The page as a whole: it stands alone, runs nothing, and says what is missing instead of failing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from afina.base import messages
from afina.reporting import write_report

KINDS = ("single", "many", "multi", "regression", "failed", "interrupted", "empty")
VOID = {"meta", "link", "img", "br", "hr", "input"}
MOST_BYTES = 1_500_000


class Reader(HTMLParser):
    """Collects what a browser would fetch or run, the text, and tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "script":
            self.scripts.append(values.get("type", ""))
        for name, value in attrs:
            if name.startswith("on") or (name in {"src", "srcset", "action", "data", "poster"}):
                self.fetched.append(f"{name}={value}")
            if name in {"href", "xlink:href"} and not str(value).startswith("#"):
                self.fetched.append(f"{name}={value}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text.append(data)


def read(path: Path) -> tuple[str, Reader]:
    document = path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(document)
    reader.close()
    assert reader.open == []
    return document, reader


@pytest.mark.parametrize("kind", KINDS)
def test_write_report_makes_one_file_that_needs_no_other(make_run, kind):
    path = write_report(make_run(kind), "en")
    document, reader = read(path)
    assert path.name == "report.html"
    assert path.stat().st_size < MOST_BYTES
    assert reader.fetched == []
    assert not re.search(r"url\((?!#)|@import|https?://|//[a-z]", re.sub(r"<!doctype html>", "", document))
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(reader.tags)
    # Nothing runs: the only script element holds data, and the page's own policy forbids the rest.
    assert reader.scripts == ["application/json"]
    assert "default-src 'none'" in document


@pytest.mark.parametrize("kind", KINDS)
def test_write_report_has_every_link_lead_somewhere(make_run, kind):
    document, reader = read(write_report(make_run(kind), "en"))
    wanted = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', document)
    assert {first or second for first, second in wanted} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize("kind", KINDS)
def test_write_report_gives_every_picture_a_name_and_a_table(make_run, kind):
    document, _ = read(write_report(make_run(kind), "en"))
    pictures = document.count("<svg ")
    assert document.count('role="img" aria-label="') == pictures
    assert document.count("The same as a table") == pictures
    if kind not in ("empty",):
        assert pictures


def test_write_report_escapes_what_users_wrote(make_run):
    folder = make_run("single")
    document, reader = read(write_report(folder, "en"))
    assert "<script>alert" not in document
    assert "<script>alert('never run')</script> & \"quotes\"" in "".join(reader.text)


def test_write_report_escapes_labels_names_and_notes(make_run):
    folder = make_run("single")
    hostile = "</script><img src=x onerror=alert(1)>"
    values = json.loads((folder / "evaluation.json").read_text())
    values["labels"][0] = hostile
    values["verdict"]["sentence"] = f"Better: {hostile}"
    for part in values["scores"].values():
        part["per_class"][0]["label"] = hostile
        part["method"] = hostile
    (folder / "evaluation.json").write_text(json.dumps(values))
    data = json.loads((folder / "data.json").read_text())
    data["findings"][0] |= {"what": hostile, "where": [hostile], "mend": hostile, "code": hostile}
    data["classes"] = {hostile: 3}
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "recipe.yaml").write_text(f"base: '{hostile}'\n")
    environment = json.loads((folder / "environment.json").read_text()) | {"command": hostile, hostile: hostile}
    (folder / "environment.json").write_text(json.dumps(environment))
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "note", "level": "warn", "message": hostile}) + "\n")
    _, reader = read(write_report(folder, "en"))
    assert "img" not in reader.tags
    assert reader.fetched == []
    assert reader.scripts == ["application/json"]


def test_write_report_embeds_its_numbers_but_no_row(make_run):
    document, _ = read(write_report(make_run("single"), "en"))
    embedded = document.split('id="numbers">')[1].split("</script>")[0]
    numbers = json.loads(embedded)
    assert numbers["evaluation"]["verdict"]["metric"] == "accuracy"
    assert numbers["evaluation"]["scores"]["tuned"]["confusion"]
    assert len(numbers["curves"]["validation_loss"]) == 10
    assert "text" not in numbers["evaluation"]["top_losses"][0]
    assert "parcel" not in embedded
    assert "secret" not in document


def test_write_report_shows_verdict_before_everything_else(make_run):
    folder = make_run("single")
    sentence = json.loads((folder / "evaluation.json").read_text())["verdict"]["sentence"]
    document, reader = read(write_report(folder, "en"))
    evidence = sentence.partition(":")[2]
    assert document.index(evidence, document.index("<h1>")) < document.index("<svg")
    # The window's title holds the sentence too.
    assert "".join(reader.text).count(evidence) == 2
    titles = re.findall("<h2>([^<]+)</h2>", document)
    assert titles == [
        "What was trained",
        "The data",
        "How training went",
        "Results",
        "Worst rows",
        "What it forgot",
        "What it cost",
        "Checkpoints",
        "Limits",
        "How to reproduce",
    ]


def test_write_report_says_what_is_missing(make_run):
    _, reader = read(write_report(make_run("empty"), "en"))
    text = "".join(reader.text)
    for name in ("recipe.yaml", "environment.json", "data.json", "events.jsonl", "evaluation.json"):
        assert f"The run folder has no {name}." in text


def test_write_report_tells_why_a_run_failed(make_run):
    folder = make_run("failed")
    _, reader = read(write_report(folder, "en"))
    assert "This run failed: The loss is not a number." in "".join(reader.text)
    status = {"status": "failed", "error": {"code": "E-FIT-002", "what": "Training diverged.", "mend": ""}}
    (folder / "status.json").write_text(json.dumps(status))
    _, reader = read(write_report(folder, "en"))
    assert "This run failed: Training diverged." in "".join(reader.text)


def test_write_report_survives_sections_of_the_wrong_shape(make_run):
    folder = make_run("single")
    values = json.loads((folder / "evaluation.json").read_text())
    for part in ("top_losses", "forgetting", "gap", "cost"):
        values[part] = None
    values["scores"]["base"] = None
    values["scores"]["tuned"]["calibration"] = None
    values["verdict"]["interval"] = {"low": None, "high": None}
    (folder / "evaluation.json").write_text(json.dumps(values))
    (folder / "data.json").write_text("[]")
    (folder / "environment.json").write_text("{ broken")
    (folder / "recipe.yaml").write_text("a: [1\nb: }")
    _, reader = read(write_report(folder, "en"))
    text = "".join(reader.text)
    assert "environment.json cannot be read" in text
    assert "recipe.yaml cannot be read" in text
    assert "data.json cannot be read" in text


def test_write_report_speaks_portuguese_and_goes_back(make_run, portuguese):
    document, reader = read(write_report(make_run("single"), "pt"))
    text = "".join(reader.text)
    assert '<html lang="pt-BR">' in document
    assert "O que foi treinado" in text
    assert "22.716.296 de 22.716.296" in text
    assert "2.000 reamostragens" in text
    assert "What was trained" not in text
    assert messages.language() == "en"


def test_write_report_stays_small_on_a_very_large_run(make_run):
    folder = make_run("single")
    labels = [f"label number {index} <&>" for index in range(1200)]
    values = json.loads((folder / "evaluation.json").read_text())
    row = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 3}
    identity = [[3 if column == line else 0 for column in range(1200)] for line in range(1200)]
    for part in values["scores"].values():
        part |= {"confusion": identity, "per_class": [{"label": label, **row} for label in labels]}
    values["labels"] = labels
    values["top_losses"] = [values["top_losses"][0] | {"text": "<" * 200_000}] * 50
    (folder / "evaluation.json").write_text(json.dumps(values))
    data = json.loads((folder / "data.json").read_text())
    data["classes"] = dict.fromkeys(labels * 10, 3)
    data["findings"] = [data["findings"][1] | {"where": [f"a.csv:{line}" for line in range(20_000)]}] * 200
    (folder / "data.json").write_text(json.dumps(data))
    lines = [json.dumps({"kind": "step", "step": step, "loss": 1 / step}) for step in range(1, 60_001)]
    (folder / "events.jsonl").write_text("\n".join(lines))
    assert write_report(folder, "en").stat().st_size < MOST_BYTES
