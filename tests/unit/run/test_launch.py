"""Several processes started and looked after as one."""

import signal
import subprocess
import sys
import time

import pytest

from afina.run import launch as module
from afina.run.launch import launch

SPEAK = "import os; print(os.environ['RANK'], os.environ['WORLD_SIZE'], flush=True)"
DRIVE = "import sys; from afina.run.launch import launch; sys.exit(launch(sys.argv[2:], int(sys.argv[1])))"
WAIT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
print("ready", flush=True)
open(os.path.join(sys.argv[1], os.environ["RANK"]), "w").close()
time.sleep(60)
"""


def python(code, *words):
    return [sys.executable, "-c", code, *words]


def test_each_knows_its_place_and_the_main_one_alone_speaks(capfd):
    assert launch(python(SPEAK), 3) == 0
    assert capfd.readouterr().out == "0 3\n"


@pytest.mark.parametrize(("code", "expected"), [("sys.exit(4)", 4), ("os.kill(os.getpid(), 9)", 137)])
def test_the_first_failure_is_the_exit_code_and_is_shown(monkeypatch, capfd, code, expected):
    monkeypatch.setattr(module, "GRACE_S", 0.3)
    fails = (
        f"import os, sys, time\nif os.environ['RANK'] == '1':\n    print('I am broken', file=sys.stderr)\n    {code}\n"
    )
    begun = time.monotonic()
    assert launch(python(f"{fails}time.sleep(60)"), 2) == expected
    assert time.monotonic() - begun < 20
    said = capfd.readouterr().err
    assert "Process 1 was the first to fail:\nI am broken\n" in said


def test_the_main_process_speaks_for_itself(capfd):
    assert launch(python("import sys; print('broken', file=sys.stderr); sys.exit(3)"), 2) == 3
    assert capfd.readouterr().err == "broken\n"


def test_a_signal_reaches_all_once(tmp_path):
    process = subprocess.Popen([*python(DRIVE, "2"), *python(WAIT, str(tmp_path))], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.communicate()
