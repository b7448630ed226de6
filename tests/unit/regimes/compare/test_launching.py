"""The worker as seen from outside: what it tells, how it ends, how it is asked to."""

import os
import signal
import threading
from pathlib import Path

import pytest

from afina.regimes.compare import launching
from afina.regimes.compare.launching import Worker
from afina.run.signals import Signals


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(launching, "MODULE", "tests.unit.regimes.compare.stand_in")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))


def _do(worker, recipe):
    events = []
    code = worker.carry({"do": "plan", "recipe": recipe}, events.append)
    return code, [event["event"] for event in events if event["event"] != "ready"]


def test_one_worker_does_job_after_job():
    with Worker(1, Signals()) as worker:
        assert _do(worker, "kind: full") == (0, ["planned"])
        process = worker._process
        assert _do(worker, "kind: bias") == (6, ["refused"])
        assert _do(worker, "kind: full") == (0, ["planned"])
        assert worker._process is process
    assert process.poll() is not None


def test_a_job_that_is_killed_has_a_reason_and_the_next_one_goes_on():
    with Worker(1, Signals()) as worker:
        code, events = _do(worker, "kind: norm")
        assert (code, events) == (137, [])
        assert "killed from outside" in worker.reason(code)
        assert "the last words" in worker.reason(1)
        assert _do(worker, "kind: full") == (0, ["planned"])


def test_a_worker_that_is_gone_is_started_again():
    with Worker(1, Signals()) as worker:
        assert _do(worker, "kind: full")[0] == 0
        worker._process.kill()
        worker._process.wait()
        assert _do(worker, "kind: full")[0] == 0


def test_a_signal_is_handed_on_to_the_job():
    with Signals() as signals, Worker(1, signals) as worker:
        signals.waits = True
        asked = threading.Event()

        def hear(event):
            if event["event"] == "step" and not asked.is_set():
                asked.set()
                os.kill(os.getpid(), signal.SIGINT)

        assert worker.carry({"do": "train", "recipe": "wait"}, hear) == 130
        assert signals.wish == signal.SIGINT


def test_a_module_that_cannot_start_is_a_failed_job(monkeypatch):
    monkeypatch.setattr(launching, "MODULE", "no.such.module")
    with Worker(1, Signals()) as worker:
        code, events = _do(worker, "kind: full")
        assert code != 0
        assert events == []
        assert "no" in worker.reason(code)
