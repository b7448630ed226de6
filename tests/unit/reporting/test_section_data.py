"""The section on the data."""

from __future__ import annotations

import json

from afina.reporting.facts import read_facts
from afina.reporting.section_data import data_section


def test_data_section_puts_errors_first_and_hides_folders(make_run):
    markup = data_section(read_facts(make_run("single")))
    assert markup.index("4 rows have no label.") < markup.index("12 rows are near") < markup.index("3 rows hold")
    assert "896 training · 128 validation · 256 test" in markup
    assert "messages.csv" in markup
    assert "secret" not in markup


def test_data_section_lists_some_places_of_many(make_run):
    markup = data_section(read_facts(make_run("single")))
    assert "messages.csv:90 …" in markup
    assert "messages.csv:130" not in markup


def test_data_section_shows_classes_with_and_without_splits(make_run):
    folder = make_run("single")
    assert "Rows of each class (8 classes)" in data_section(read_facts(folder))
    data = json.loads((folder / "data.json").read_text())
    data["classes"] = {"a": {"train": 5, "test": 2}, "b": {"train": 7}}
    (folder / "data.json").write_text(json.dumps(data))
    markup = data_section(read_facts(folder))
    assert '<td class="figure">5</td><td class="figure">2</td>' in markup


def test_data_section_says_when_nothing_was_found_or_recorded(make_run):
    folder = make_run("single")
    data = json.loads((folder / "data.json").read_text()) | {"findings": []}
    (folder / "data.json").write_text(json.dumps(data))
    assert "Nothing." in data_section(read_facts(folder))
    assert "Nothing about the data was recorded." in data_section(read_facts(make_run("empty")))
