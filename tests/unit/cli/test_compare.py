"""`afina compare`, as far as it goes before anything heavy is imported; whole ones are in tests/integration."""

import subprocess
import sys

import pytest

from afina.cli.main import main


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text("base: builtin:minilm\ndata: rows.csv\n")
    return "recipe.yaml"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "E-COMPARE-007"),
        (["recipe.yaml"], "E-COMPARE-002"),
        (["recipe.yaml", "--tuning", "head"], "E-COMPARE-003"),
        (["recipe.yaml", "--tuning", "head,ful"], "E-RECIPE-001"),
        (["recipe.yaml", "--tuning", "head,full", "--budget", "soon"], "E-COMPARE-008"),
        (["recipe.yaml", "--tuning", "head,full", "--seeds", "0"], "E-COMPARE-005"),
        (["recipe.yaml", "--tuning", "head,full", "--axis", "seed=1,2"], "E-COMPARE-003"),
        (["recipe.yaml", "--tuning", "head,full", "training.epoch=3"], "E-RECIPE-001"),
        (["recipe.yaml", "--resume", "x"], "E-COMPARE-009"),
        (["--resume", "nowhere"], "E-COMPARE-020"),
        (["missing.yaml", "--tuning", "head,full"], "E-RECIPE"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_nothing(recipe, words, code, capsys, tmp_path):
    assert main(["compare", *words]) == 2
    assert code in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("10m", 600.0), ("1.5 h", 5400.0), ("45", 45.0)])
def test_budgets_are_times(text, seconds):
    from afina.cli import compare

    assert compare._seconds(text) == seconds


def test_the_verb_loads_no_torch():
    modules = "afina.cli.compare, afina.cli.comparing, afina.regimes.compare.conduct"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
