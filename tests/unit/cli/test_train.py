"""`afina train`, as far as it goes before anything heavy is imported; whole runs are in tests/integration."""

import subprocess
import sys

import pytest

from afina.cli.main import main

RECIPE = "base: builtin:minilm\ndata: rows.csv\ntuning: full\n"


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return str(path)


def test_a_recipe_with_problems_is_refused(recipe, capsys):
    assert main(["train", recipe, "training.epoch=3", "seed=soon"]) == 2
    said = capsys.readouterr().err
    assert "training.epochs" in said
    assert "seed" in said


def test_the_verbs_files_load_no_torch():
    verbs = ", ".join(f"afina.cli.{verb}" for verb in ("train", "resume", "eval", "predict"))
    code = f"import sys, {verbs}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_launcher_with_a_smaller_world_is_an_error(recipe, monkeypatch, capsys):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # all that `accelerate launch --cpu` leaves
    assert main(["train", recipe, "--processes", "2"]) == 2
    assert "E-USAGE-010" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert main(["train", recipe, "--processes", "2"]) == 2


def test_fewer_than_one_process_is_an_unusable_command_line(recipe):
    assert main(["train", recipe, "--processes", "0"]) == 2
