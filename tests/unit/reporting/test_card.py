"""The model card: front matter that parses and is true, a body that holds no row and no path."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

from afina.reporting import write_card
from afina.reporting.card import hub_name
from afina.reporting.facts import read_facts

USAGE = "from transformers import pipeline\n\nprint(pipeline('text-classification', model=FOLDER)('...'))\n"


def parts(path):
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return YAML(typ="safe").load(front), body


def test_write_card_front_matter_holds_the_real_scores(make_run):
    folder = make_run("single")
    path = write_card(folder, USAGE)
    front, _ = parts(path)
    assert path == folder / "model" / "README.md"
    assert front["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert front["base_model_relation"] == "finetune"
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "text-classification"
    assert front["license"] == "apache-2.0"
    assert front["metrics"] == ["accuracy", "f1"]
    result = front["model-index"][0]["results"][0]
    scores = json.loads((folder / "evaluation.json").read_text())["scores"]["tuned"]["metrics"]
    assert [row["value"] for row in result["metrics"]] == pytest.approx([row["value"] for row in scores], abs=1e-6)
    assert result["dataset"]["name"] == "messages.csv"
    assert {"name", "type"} <= result["dataset"].keys()


def test_write_card_body_holds_no_row_and_no_path(make_run):
    _, body = parts(write_card(make_run("single"), USAGE))
    assert "parcel" not in body
    assert "secret" not in body
    assert "9f2c" * 16 in body
    assert "3 rows hold an e-mail address." in body
    assert "afina train recipe.yaml" in body
    assert 'FOLDER = "."' in body
    assert USAGE.strip() in body


def test_write_card_without_licence_or_hub_name_claims_none(make_run):
    folder = make_run("single")
    (folder / "recipe.yaml").write_text("base: ./models/mine\ntuning: head\ndata: {train: a.csv}\n")
    front, body = parts(write_card(folder, USAGE))
    assert "license" not in front
    assert "base_model" not in front
    assert "language" not in front
    assert "The base does not say under which licence it stands." in body


def test_write_card_takes_licence_and_languages(make_run):
    front, body = parts(write_card(make_run("single"), USAGE, license_id="mit", text_languages=["pt"]))
    assert front["license"] == "mit"
    assert front["language"] == ["pt"]
    assert "mit, as its base." in body


def test_write_card_of_a_run_without_evaluation_has_no_scores(make_run):
    front, body = parts(write_card(make_run("interrupted"), USAGE))
    assert "model-index" not in front
    assert "metrics" not in front
    assert "This run was not evaluated." in body


def test_write_card_lets_no_label_break_out(make_run):
    folder = make_run("single")
    values = json.loads((folder / "evaluation.json").read_text())
    values["labels"][0] = "<script>x</script>\n# big"
    (folder / "evaluation.json").write_text(json.dumps(values))
    _, body = parts(write_card(folder, USAGE))
    assert "<script>" not in body
    assert "\n# big" not in body


def test_write_card_speaks_portuguese(make_run, portuguese):
    front, body = parts(write_card(make_run("regression"), USAGE, language="pt"))
    assert "## Para que serve" in body
    assert front["metrics"] == ["mae", "rmse", "r2", "spearman"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("org/model", "org/model"),
        ("builtin:minilm", "sentence-transformers/all-MiniLM-L6-v2"),
        ("../x/y", ""),
        ("", ""),
    ],
)
def test_hub_name_tells_a_name_from_a_folder(make_run, base, expected):
    folder = make_run("empty")
    (folder / "recipe.yaml").write_text(f"base: '{base}'\n")
    assert hub_name(read_facts(folder)) == expected
