"""A run killed anywhere ends at the same weights; `make proof` kills more (`benchmarks/kill.py`)."""

import random

import pytest

from benchmarks import kill, victim


@pytest.fixture(scope="module")
def start():
    forked = victim.Forked()
    yield forked
    forked.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill")
    victim.make(folder)
    return folder


@pytest.fixture(scope="module")
def alone(place, start):
    """How long a run takes that is left alone, and the weights that it ends with."""
    times = kill.timeline(place, start)
    return times, kill.weights(place / "runs" / "alone")


@pytest.mark.slow
def test_a_run_killed_four_times_and_asked_to_stop_once_ends_at_the_same_weights(place, start, alone):
    times, expected = alone
    run = kill.killed(place, start, ("early", "checkpoint", "asked", "training", "closing"), random.Random(0), times)
    assert run.phases, "no kill came in time"
    assert kill.weights(run.folder) == expected


@pytest.mark.slow
def test_a_resume_that_forgets_a_part_ends_elsewhere_and_a_torn_checkpoint_is_passed_over(place, start, alone):
    expected = alone[1][-1]
    assert kill.controls(place, start, expected) == dict.fromkeys(kill.CONTROLS, True)
    assert kill.refuses(place, start, expected)
