"""`afina eval` on runs that cannot be judged; the rest is in tests/integration."""

from afina.cli.main import main
from afina.run.folder import create


def test_a_run_that_is_not_finished_is_not_judged(tmp_path, capsys):
    run = create("a", tmp_path)
    assert main(["eval", str(run.path)]) == 2
    assert "not finished" in capsys.readouterr().err
    assert main(["eval", "nothing", "--root", str(tmp_path)]) == 2
