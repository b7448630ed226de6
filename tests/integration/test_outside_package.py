"""A package from elsewhere, built and installed as its author would, adds techniques that a run then uses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typist import Typist

VALIDATE = ["recipe", "validate", "recipe.yaml"]
COMMANDS = {
    "schema": ["recipe", "schema"],
    "option": ["recipe", "explain", "tuning.lowest-block.boldness"],
    "format": ["recipe", "explain", "data.format.tagged-lines.mark"],
    "wrong": [*VALIDATE, "tuning.boldness=0", "tuning.colour=green", "training.callbacks=[step-note]"],
    "right": [*VALIDATE, "--resolved"],
    "broken": ["recipe", "explain", "tracking.withered"],
    "broken chosen": [*VALIDATE, "tracking=[withered]"],
    "taken name": [*VALIDATE, "tuning={kind: full, boldness: 2}"],
    "train": ["train", "recipe.yaml"],
}
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "extending.md"
# A module that does not exist, as in a package that nobody looks after.
NEGLECTED = """
[project.entry-points."afina.engine.trackers"]
withered = "garden.no_such_module"

[tool.hatch"""


def package():
    """The files of the package that the guide shows, a neglected technique added."""
    shown = dict(re.findall(r"`([\w./]+)`:\n\n```(?:toml|python)\n(.*?)```", GUIDE.read_text("utf-8"), re.S))
    assert {"pyproject.toml", "garden/lowest_block.py", "garden/step_notes.py", "garden/tagged_lines.py"} == set(shown)
    project = shown["pyproject.toml"].replace("\n[tool.hatch", NEGLECTED, 1)
    project = project.replace('lowest-block = "', 'full = "garden.lowest_block"\nlowest-block = "', 1)
    return {**shown, "pyproject.toml": project, "garden/__init__.py": ""}


@pytest.fixture(scope="module")
def user(tmp_path_factory, sentences, tiny_bert):
    """A user's folder and environment, the package installed into it by pip without a network."""
    root = tmp_path_factory.mktemp("garden")
    for name, text in package().items():
        path = root / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    site = root / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(site), str(root / "source")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = "".join(f"{label}::{text}\n" for text, label in sentences(60))
    (root / "rows.tagged").write_text(rows, encoding="utf-8")
    recipe = f"""
base: {tiny_bert}
data: {{train: rows.tagged, format: tagged-lines}}
tuning: {{kind: lowest-block, boldness: 2}}
training: {{callbacks: [step-notes], max_steps: 4, epochs: 1, global_batch_size: 8}}
evaluation: {{num_resamples: 100}}
output: run
"""
    (root / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return root, {**os.environ, "PYTHONPATH": str(site), "AFINA_LANG": "en"}


@pytest.fixture(scope="module")
def said(user):
    """What the command line says to each command, typed in one process one after the other."""
    type_in = Typist(*user)
    answers = {name: type_in(*words) for name, words in COMMANDS.items()}
    type_in.close()
    return answers


def test_its_techniques_are_in_the_schema_and_explained(said):
    code, out, err = said["schema"]
    assert code == 0, err
    schema = json.loads(out)
    assert "lowest-block" in schema["properties"]["tuning"]["anyOf"][0]["enum"]
    boldness = schema["$defs"]["tuning.lowest-block"]["properties"]["boldness"]
    assert (boldness["exclusiveMinimum"], boldness["default"]) == (0, 1.0)
    callbacks = schema["$defs"]["Training"]["properties"]["callbacks"]["items"]
    assert {"$ref": "#/$defs/engine.callbacks.step-notes"} in callbacks["anyOf"]
    code, out, _ = said["option"]
    assert (code, "Factor on the learning rate" in out, "above 0" in out) == (0, True, True)
    assert "between label and text" in said["format"][1]


def test_its_options_are_validated_like_ours(said):
    code, _, err = said["wrong"]
    assert code == 2
    for part in ("`boldness` cannot be 0", "'colour'", "kind, boldness", "Did you mean step-notes?"):
        assert part in err
    assert said["right"][0] == 0, said["right"]


def test_a_broken_one_is_said_with_its_package_and_hurts_no_other(said):
    code, out, _ = said["broken"]
    assert (code, "afina-garden" in out, "no_such_module" in out) == (0, True, True)
    code, _, err = said["broken chosen"]
    assert code == 5
    assert "E-EXTRA-003" in err
    assert "pip install --upgrade afina-garden" in err


def test_a_name_of_ours_stays_ours(said):
    code, _, err = said["taken name"]
    assert (code, "'boldness'" in err) == (2, True)


def test_a_run_uses_all_three(said, user):
    root, _ = user
    code, out, err = said["train"]
    assert code == 0, err
    assert "garden counted 4 steps" in out
    assert "as gardeners do" in err
    environment = json.loads((root / "run" / "environment.json").read_text("utf-8"))
    assert environment["tuning"]["kind"] == "lowest-block"
    assert 0 < environment["tuning"]["num_trainable"] < environment["tuning"]["num_total"]
    data = json.loads((root / "run" / "data.json").read_text("utf-8"))
    assert (data["format"], data["counts"]["usable"]) == ("tagged-lines", 60)
