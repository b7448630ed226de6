import json
from pathlib import Path

from afina.base.messages import set_language
from afina.cli import data_report, output
from afina.data.facts import gather
from afina.data.finding import Finding
from afina.data.fix import Change, Fixed
from afina.data.source import open_files, stream


def _checked(path, findings):
    opened = open_files([path])
    data_report.show_check({path.name: opened}, {path.name: gather(stream(opened), opened.columns)}, findings, "next")


def test_show_check_stays_on_one_screen_whatever_was_found(make_csv, capsys):
    findings = [
        Finding(
            code=f"E-DATA-{300 + n}",
            severity=severity,
            what="much",
            rows=tuple(f"rows.csv:{line}" for line in range(999)),
        )
        for severity in ("error", "warning", "info")
        for n in range(40)
    ]
    _checked(make_csv(10), findings)
    out = capsys.readouterr().out
    assert len(out.splitlines()) <= 24
    assert "and 34 more kinds" in out
    assert "much ×999 (0, 1, 2, 3, 4, …)" in out


def test_show_fix_in_both_forms(capsys):
    fixed = Fixed(
        Path("new.csv"), 1200, 1100, (Change("duplicate", "left out", tuple(f"a.csv:{n}" for n in range(100))),)
    )
    data_report.show_fix(fixed)
    assert "1,100 of 1,200" in capsys.readouterr().out
    set_language("pt")
    data_report.show_fix(fixed)
    assert "1.100" in capsys.readouterr().out
    output.settings.json = True
    try:
        data_report.show_fix(fixed)
    finally:
        output.reset()
    assert len(json.loads(capsys.readouterr().out)["changes"][0]["rows"]) == 100
