"""The first signal is a request, the second of its kind an order."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from afina.run.signals import SIGNALS, Interrupted, Signals

TWICE = """
import os, signal, time
from afina.run.signals import Signals
with Signals() as signals:
    signals.waits = True
    os.kill(os.getpid(), signal.{first})
    os.kill(os.getpid(), signal.{second})
    print("still here", flush=True)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_outside_the_loop_a_signal_ends_the_run_at_once(number, code):
    with Signals() as signals, pytest.raises(Interrupted) as ended:
        os.kill(os.getpid(), number)
    assert (ended.value.exit_code, ended.value.step, signals.wish) == (code, None, number)


@pytest.mark.parametrize(
    ("first", "second", "code", "said"),
    [("SIGINT", "SIGINT", 130, ""), ("SIGTERM", "SIGTERM", 143, ""), ("SIGINT", "SIGTERM", 0, "still here\n")],
)
def test_a_second_signal_of_a_kind_ends_the_process_on_the_spot(first, second, code, said):
    command = [sys.executable, "-c", TWICE.format(first=first, second=second)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (code, said)


def test_handlers_are_put_back_and_a_thread_installs_none():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    seen = []

    def look():
        with Signals():
            seen.extend(signal.getsignal(number) for number in SIGNALS)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == before
