"""Questions are answered at once: neither help nor checks load torch."""

import json
import os
import resource
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sklearn", "matplotlib", "accelerate", "pyarrow")
MAX_CPU_S = 0.3
PROBE = """
import json, sys
from afina.cli.main import main
sys.argv = ["afina", *{arguments!r}]
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
print(json.dumps([code or 0, sorted(name for name in {heavy!r} if name in sys.modules)]), file=sys.stderr)
"""


def _loaded(*arguments, cwd=None):
    script = PROBE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr.splitlines()[-1])


def test_import_is_light():
    script = f"import sys, afina; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("train", "--help"),
        ("doctor",),
        ("recipe", "schema"),
        ("recipe", "explain", "training.epochs"),
        ("runs", "ls"),
    ],
)
def test_questions_load_nothing_heavy(arguments, tmp_path):
    assert _loaded(*arguments, cwd=tmp_path) == [0, []]


def test_init_and_data_check_load_no_torch(tmp_path):
    assert _loaded("init", "project", "--recipe", "support", cwd=tmp_path) == [0, []]
    files = sorted(path for path in (tmp_path / "project").rglob("*.csv") if "test" not in path.stem)
    code, heavy = _loaded("data", "check", str(files[0]), cwd=tmp_path)
    assert code in {0, 3}
    assert "torch" not in heavy


def test_help_answers_at_once():
    def cpu_s():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "afina", "--help"],
            capture_output=True,
            check=True,
            env={**os.environ, "COLUMNS": "100"},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cpu_s() for _ in range(4)) < MAX_CPU_S
