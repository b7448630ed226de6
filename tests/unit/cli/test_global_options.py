"""Global options and Typer's own words."""

import typer

from afina.base import messages
from afina.cli import global_options, output


def _command(function):
    app = typer.Typer(add_completion=True)
    app.command()(function)
    return global_options.added(typer.main.get_command(app))


def test_added_reaches_every_level_once():
    app = typer.Typer()
    inner = typer.Typer()
    inner.command("a")(lambda: None)
    inner.command("b")(lambda: None)
    app.add_typer(inner, name="inner")
    command = global_options.added(typer.main.get_command(app))
    deep = command.commands["inner"].commands["a"]
    for each in (command, command.commands["inner"], deep):
        options = [option for param in each.params for option in param.opts]
        assert options.count("--json") == 1
        assert "--install-completion" not in options


def test_a_verb_s_own_json_option_hears_both_places(capsys):
    seen = []

    def own(as_json: bool = typer.Option(False, "--json")) -> None:
        seen.append(as_json)

    command = _command(own)
    output.reset()
    command.main(args=[], standalone_mode=False)
    command.main(args=["--json"], standalone_mode=False)
    assert output.settings.json
    command.main(args=[], standalone_mode=False)  # as after `afina --json verb`
    output.reset()
    assert seen == [False, True, True]


def test_translated_changes_nothing_in_english():
    text = "Usage: afina [OPTIONS]\n\nOptions:\n  --help  Show this message and exit.\n"
    assert global_options.translated(text) == text
    messages.set_language("pt")
    assert "Mostra esta ajuda" in global_options.translated(text)
