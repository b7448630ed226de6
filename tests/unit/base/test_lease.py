"""One writer per folder, among real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from afina.base import lease
from afina.base.errors import RunError
from afina.base.lease import FILE, Lease, holder

HOLD = """
import sys
from afina.base.errors import RunError
from afina.base.lease import Lease
print("ready", flush=True)
sys.stdin.readline()
try:
    with Lease(sys.argv[1]):
        print("won", flush=True)
        sys.stdin.readline()
except RunError as error:
    print("lost", error.exit_code, error.problem.what, flush=True)
"""


@pytest.fixture
def start(tmp_path):
    started = []

    def one():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_lease_is_held_while_the_block_runs(tmp_path):
    assert holder(tmp_path) is None
    with Lease(tmp_path) as held:
        who = holder(tmp_path)
        assert who is not None
        assert who.pid == os.getpid()
        assert who.is_here
        with pytest.raises(RunError, match=rf"E-LEASE-001.*Process {os.getpid()} on ") as caught, Lease(tmp_path):
            pytest.fail("two hold it")
        assert caught.value.exit_code == 2
        assert "afina stop" in caught.value.problem.mend
        held.release()
        assert holder(tmp_path) is None
    with Lease(tmp_path):
        pass


def test_of_many_processes_exactly_one_wins(start):
    racers = [start() for _ in range(6)]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 6
    for racer in racers:
        go(racer)
    said = [racer.stdout.readline() for racer in racers]
    assert sum(line == "won\n" for line in said) == 1
    winner = racers[said.index("won\n")]
    assert all(line == "won\n" or line.startswith(f"lost 2 Process {winner.pid} on") for line in said), said


def test_a_killed_holder_gives_way_at_once(tmp_path, start):
    process = start()
    go(process)
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "won\n"]
    assert holder(tmp_path).pid == process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert holder(tmp_path) is None
    assert str(process.pid) in (tmp_path / FILE).read_text()
    with Lease(tmp_path):
        assert holder(tmp_path).pid == os.getpid()


def test_a_forked_worker_does_not_keep_the_lease(tmp_path):
    held = Lease(tmp_path).acquire()
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        held.release()
        with Lease(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_looking_does_not_get_in_the_way(tmp_path):
    for _ in range(50):
        assert holder(tmp_path) is None
        with Lease(tmp_path):
            assert holder(tmp_path) is not None


def test_a_holder_elsewhere_is_not_here(tmp_path):
    with Lease(tmp_path):
        who = holder(tmp_path)
    assert not lease.Holder(who.pid, "elsewhere", who.boot_id, who.started).is_here
    assert not lease.Holder(who.pid, who.host, "another start", who.started).is_here


def test_a_holder_that_has_not_stated_itself_is_still_a_holder(tmp_path):
    with Lease(tmp_path):
        os.truncate(tmp_path / FILE, 0)
        assert holder(tmp_path).pid == 0
        with pytest.raises(RunError, match="Another process"), Lease(tmp_path):
            pytest.fail("two hold it")
