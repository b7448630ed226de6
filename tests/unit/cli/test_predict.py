"""`afina predict`, as far as it goes without a model; the rest is in tests/integration."""

import pytest

from afina.cli.main import main
from afina.run.folder import create


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["rows.csv", "--text", "a"],
        ["--text", "a", "-o", "out.csv"],
        ["rows.csv", "-o", "out.txt"],
        ["x.csv", "-o", "x.csv"],
    ],
)
def test_a_line_that_makes_no_sense_is_refused_before_the_model_is_loaded(tmp_path, capsys, words):
    run = create("a", tmp_path)
    assert main(["predict", str(run.path), *words]) == 2
    assert "E-USAGE-01" in capsys.readouterr().err


def test_a_run_that_is_not_finished_does_not_answer(tmp_path, capsys):
    run = create("a", tmp_path)
    assert main(["predict", str(run.path), "--text", "a"]) == 2
    assert "not finished" in capsys.readouterr().err
