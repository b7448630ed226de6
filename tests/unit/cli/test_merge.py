"""`afina merge`, as far as it goes without a model; the rest is in tests/integration."""

import pytest

from afina.cli.main import main
from afina.cli.merge import _options
from afina.run.folder import create


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--method", "linear"], "E-USAGE-030"),
        (["--weights", "0.7;0.3"], "E-USAGE-031"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(tmp_path, capsys, words, code):
    run = create("a", tmp_path)
    assert main(["merge", str(run.path), str(run.path), "-o", str(tmp_path / "out"), *words]) == 2
    assert code in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_not_merged(tmp_path, capsys):
    run = create("a", tmp_path)
    assert main(["merge", str(run.path), "-o", str(tmp_path / "out")]) == 2
    assert "E-RUN-031" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_run_alone_is_merged_as_it_is_and_anything_else_is_a_mix():
    assert _options(["a"], "mean", None, None, None, False) is None
    assert _options(["a"], "mean", "0.5", None, None, False)["weights"] == (0.5,)
    assert _options(["a", "b"], "svd", "1,-0.5", 4, None, False) == {
        "method": "svd",
        "weights": (1.0, -0.5),
        "rank": 4,
        "density": None,
    }
