"""What is said while a run goes on."""

from afina.cli import output
from afina.cli.telling import Paced, Telling, findings
from afina.run.folder import RunFolder


def test_stages_are_lines_where_there_is_no_terminal(tmp_path, capsys):
    with Telling() as told:
        told.opened(RunFolder(tmp_path / "a"))
        told.stage("reading")
        output.settings.quiet = True
        told.remark("good to know")
        told.warning("mind this")
        output.reset()
    assert capsys.readouterr().err == f"Run: {tmp_path / 'a'}\nreading...\nmind this\n"
    assert told.folder == RunFolder(tmp_path / "a")


def test_findings_that_are_mere_information_stay_in_the_report():
    data = {"findings": [{"level": level, "what": level, "count": 2} for level in ("info", "warning", "error")]}
    assert list(findings(data)) == ["  warning (2 rows)", "  error (2 rows)"]


def test_paced_speaks_after_a_while(capsys):
    Paced(every_s=60.0)(5)
    Paced(every_s=0.0)(7)
    assert capsys.readouterr().err == "7 rows answered...\n"
