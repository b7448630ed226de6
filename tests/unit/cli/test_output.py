"""Data on stdout, remarks on stderr."""

import io
import json
import sys

import pytest

from afina.cli import output


@pytest.fixture(autouse=True)
def _fresh():
    output.reset()
    yield
    output.reset()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_print_json_prints_one_document(capsys):
    output.print_json({"a": "é", "b": [1]})
    assert json.loads(capsys.readouterr().out) == {"a": "é", "b": [1]}
    with pytest.raises(AssertionError):
        output.print_json({})


def test_show_is_silent_under_json(capsys):
    output.show("a")
    output.settings.json = True
    output.show("b")
    output.box("t", ["l"])
    output.table(["h"], [["c"]])
    assert capsys.readouterr().out == "a\n"


def test_log_goes_to_stderr_and_quiet_hides_remarks_only(capsys):
    output.log("a")
    output.settings.quiet = True
    output.log("b")
    output.log("c", level="error")
    output.detail("d")
    output.settings.verbose = True
    output.detail("e")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "a\nc\ne\n"


def test_box_is_plain_where_nobody_looks(capsys):
    output.box("Verdict", ["better", "by 3"])
    assert capsys.readouterr().out == "Verdict\n  better\n  by 3\n"


def test_box_is_framed_on_a_terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    output.box("Verdict [x]", ["better [bold]"])
    assert "╭" in stream.getvalue()
    assert "Verdict [x]" in stream.getvalue()
    assert "better [bold]" in stream.getvalue()


def test_table_aligns_columns_and_wide_letters(capsys):
    output.table(["name", "rows"], [["a", 5], ["日本", 12]], numbers=[1])
    assert capsys.readouterr().out.splitlines() == ["name  rows", "a        5", "日本    12"]


def test_colours_only_on_a_terminal_and_never_against_the_user_s_will(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    output.log("a", level="error")
    assert stream.getvalue() == "\x1b[31ma\x1b[0m\n"
    output.settings.no_color = True
    output.log("b", level="error")
    assert stream.getvalue().endswith("b\n")
    assert "\x1b[31mb" not in stream.getvalue()


def test_confirm_asks_only_somebody(monkeypatch, capsys):
    assert not output.confirm("Sure?")
    output.settings.yes = True
    assert output.confirm("Sure?")
    output.settings.yes = False
    answer = Terminal("y\n\n")
    monkeypatch.setattr(sys, "stdin", answer)
    assert output.confirm("Sure?")
    assert not output.confirm("Sure?")
    assert capsys.readouterr().out == ""


def test_console_is_plain_without_a_terminal(capsys):
    output.console().print("[red]a[/red]")
    assert capsys.readouterr().err == "a\n"
