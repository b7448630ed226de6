"""`afina stop`, as typed."""

import json
import subprocess
import sys

from afina.cli.main import main
from afina.run.folder import create

DRIVE = """
import sys, time
from afina.base.lease import Lease
with Lease(sys.argv[1]):
    try:
        print("running", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


def test_stop_ends_a_running_process(tmp_path, capsys):
    run = create("a", tmp_path)
    process = subprocess.Popen([sys.executable, "-c", DRIVE, str(run.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n"
        assert main(["stop", "last", "--root", str(tmp_path), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["pid"], said["name"]) == (process.pid, run.name)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()


def test_stop_of_a_run_that_is_not_running(tmp_path, capsys):
    run = create("a", tmp_path)
    assert main(["stop", str(run.path)]) == 0
    assert "not running (new)" in capsys.readouterr().out
