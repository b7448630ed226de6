"""Verbs are found by name and loaded when used."""

import subprocess
import sys

from afina.cli import verbs


def test_load_takes_an_app_and_a_plain_function():
    assert set(verbs.load("recipe").commands) == {"explain", "schema", "validate"}
    assert verbs.load("loop").name == "loop"


def test_every_verb_has_its_file_and_takes_the_global_options():
    for name in verbs.verbs():
        command = verbs.load(name)
        options = [option for param in command.params for option in param.opts]
        assert {"--json", "--lang", "-q", "-v", "--yes", "--no-color"} <= set(options), name
        assert len(options) == len(set(options)), name


def test_help_imports_no_verb():
    script = (
        "import sys; from afina.cli.main import main; main(['--help'])\n"
        "print([name for name in sys.modules if name.startswith(('afina.cli.', 'torch', 'pydantic', 'rich'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = eval(done.stdout.splitlines()[-1])
    assert sorted(loaded) == ["afina.cli.global_options", "afina.cli.main", "afina.cli.output", "afina.cli.verbs"]
