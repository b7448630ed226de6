"""The one place where errors end."""

import io
import json
import os
import subprocess
import sys

import pytest
import typer

from afina.base import messages
from afina.base.errors import DataError
from afina.cli import main as module
from afina.cli import output
from afina.cli.main import main


@pytest.fixture
def verb(monkeypatch):
    """A verb that does what the test says."""

    def put(action):
        app = typer.Typer()
        app.command()(action)
        import afina.cli.loop

        monkeypatch.setattr(afina.cli.loop, "app", app)

    return put


def test_help_lists_every_verb_and_ends_well(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in ("doctor", "init", "data", "train", "resume", "eval", "predict", "runs", "stop", "recipe", "loop"):
        assert f"  {name} " in out


def test_no_verb_shows_the_help(capsys):
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("afina 0.")


def test_help_and_errors_speak_the_language_asked_for(capsys):
    assert main(["recipe", "validate", "--help", "--lang", "pt"]) == 0
    assert "Opções:" in capsys.readouterr().out
    assert main(["--lang=pt", "recpe"]) == 2
    assert "Não existe o verbo 'recpe'. Você quis dizer recipe?" in capsys.readouterr().err
    assert main(["recipe", "validate", "--lang", "pt"]) == 2
    assert "Falta o argumento" in capsys.readouterr().err
    messages.set_language(None)


@pytest.mark.parametrize(
    "words", [["recpe"], ["recipe", "validate"], ["recipe", "explain", "--nope"], ["--lang", "fr", "loop"], ["--nope"]]
)
def test_an_unusable_command_line_exits_2_and_says_where_help_is(words, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "E-USAGE-001" in captured.err
    assert "--help" in captured.err


@pytest.mark.parametrize("words", [["--json", "recpe"], ["recipe", "explain", "--json", "--nope"]])
def test_errors_are_one_document_under_json(words, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["error"]["code"] == "E-USAGE-001"
    assert document["exit_code"] == 2


@pytest.mark.parametrize("words", [["--json", "loop"], ["loop", "--json"]])
def test_global_options_stand_before_and_after_the_verb(words, capsys, verb):
    verb(lambda: output.print_json({"quiet": output.settings.quiet}))
    assert main([*words, "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == {"quiet": True}


def test_settings_of_one_command_do_not_reach_the_next(capsys, verb):
    verb(lambda: output.show("seen"))
    main(["--json", "-q", "loop"])
    assert capsys.readouterr().out == ""
    main(["loop"])
    assert capsys.readouterr().out == "seen\n"


def test_a_refusal_gives_its_exit_code_and_its_text_on_stderr(capsys, verb):
    def refuse():
        raise DataError("E-DATA-001", "bad rows", where="a.csv:3", mend="mend it")

    verb(refuse)
    assert main(["loop"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "E-DATA-001 a.csv:3: bad rows\n  mend: mend it\n"
    assert main(["loop", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "a.csv:3"


def test_a_mistake_of_ours_is_said_so_and_traced_only_when_asked(capsys, verb):
    def fail():
        raise RuntimeError("oops")

    verb(fail)
    assert main(["loop"]) == 1
    text = capsys.readouterr().err
    assert "E-AFINA-001" in text
    assert "RuntimeError: oops" in text
    assert "Traceback" not in text
    assert main(["loop", "-v"]) == 1
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert "in fail" in text


def test_a_missing_package_is_named_with_its_extra(capsys, verb):
    def fail():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    verb(fail)
    assert main(["loop"]) == 5
    assert "afina[train]" in capsys.readouterr().err


def test_interrupt_and_own_exit_codes(capsys, verb):
    def interrupt():
        raise KeyboardInterrupt

    def leave():
        raise typer.Exit(7)

    verb(interrupt)
    assert main(["loop"]) == 130
    verb(leave)
    assert main(["loop"]) == 7
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_after_the_document_leaves_one_document(capsys, verb):
    def late():
        output.print_json({"a": 1})
        raise DataError("E-DATA-001", "late")

    verb(late)
    assert main(["loop", "--json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert "E-DATA-001" in captured.err


def test_a_reader_that_left_is_no_error():
    script = "import sys; from afina.cli.main import main; sys.exit(main(['recipe', 'schema']))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == module.BROKEN_PIPE


def test_a_console_without_the_letters_gets_question_marks():
    script = (
        "import sys; from afina.cli.main import main; sys.exit(main(['--lang', 'pt', 'recipe', 'explain', 'seed']))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, timeout=60)
    assert done.returncode == 0
    assert b"n?mero" in done.stdout


def test_stdout_may_be_any_stream(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["--version"]) == 0
    assert stream.getvalue().startswith("afina")
