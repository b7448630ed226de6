"""Stopping a run that another process drives."""

import os
import subprocess
import sys

import pytest

from afina.base import lease
from afina.base.errors import RunError
from afina.base.lease import Lease
from afina.run import stopping
from afina.run.folder import create

DRIVE = """
import signal, sys, time
from pathlib import Path
from afina.base.lease import Lease
from afina.run.folder import RunFolder
run, deaf = RunFolder(Path(sys.argv[1])), sys.argv[2] == "deaf"
signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else signal.default_int_handler)
with Lease(run.path):
    run.say_status("running")
    try:
        print("running", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        (run.checkpoints / "step-000007").mkdir(parents=True)
        sys.exit(130)
"""


@pytest.fixture
def drive(tmp_path):
    started = []

    def one(how):
        run = create("a", tmp_path)
        process = subprocess.Popen([sys.executable, "-c", DRIVE, str(run.path), how], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "running\n"
        return run, process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def test_stop_waits_until_the_run_has_saved_and_ended(drive):
    run, process = drive("listening")
    assert run.status == "running"
    stopped = stopping.stop(run, timeout_s=20)
    assert (stopped.pid, stopped.status, stopped.step) == (process.pid, "interrupted", 7)
    assert process.wait(20) == 130


def test_stop_says_when_the_run_does_not_end_in_time(drive):
    run, process = drive("deaf")
    with pytest.raises(RunError, match=rf"E-STOP-003(.|\n)*kill -9 {process.pid}"):
        stopping.stop(run, timeout_s=0.2)
    assert run.status == "running"


def test_stop_of_a_run_that_is_not_running(tmp_path):
    assert stopping.stop(create("a", tmp_path)) == stopping.Stopped(None, 0.0, "new", None)


def test_stop_asks_nobody_on_another_host(tmp_path, monkeypatch):
    run = create("a", tmp_path)
    with Lease(run.path):
        monkeypatch.setattr(lease, "boot_id", lambda: "another start")
        monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("a stranger was signalled"))
        with pytest.raises(RunError, match="E-STOP-001"):
            stopping.stop(run)
