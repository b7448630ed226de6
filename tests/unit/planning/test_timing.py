from dataclasses import replace

import pytest

from afina.planning import footprint, frozen, measuring, timing
from afina.planning.job import HeldOut
from afina.planning.probe import Measured, Sample
from afina.planning.storage import storage
from afina.planning.workload import Sizes

pytestmark = pytest.mark.usefixtures("own_cache")

LAST = {"kind": "last-blocks", "num_blocks": 1}
WHOLE = Measured(Sample(1, 1, 10, 1.0, 1.0, 0, 0), Sample(8, 8, 10, 8.0, 8.0, 0, 0))
SHORT = Measured(Sample(1, 1, 1, 0.001, 0.001, 0, 0), Sample(8, 8, 1, 0.001, 0.001, 0, 0))
SAVED = storage(0, 0, 0, 1)


def _case(job):
    return measuring._case(job, Sizes.of(job.material.segments, job.material.forward.width), measuring._parts(job))


def _times(job, timed, absent):
    return timing.times(job, _case(job), timed, SAVED, absent)


def test_phases_add_up_and_each_reads_what_it_reads(make_job):
    job = make_job("head")
    absent = frozen.missing(job)
    filling = Measured(replace(WHOLE.one, backward_s=0.0), replace(WHOLE.large, backward_s=0.0))
    times = _times(job, timing.Timed(WHOLE, SHORT, filling), absent)
    assert times.total == times.filling + times.training + times.closing
    assert times.filling.low > times.training.low
    silent = _times(
        replace(job, held_out=HeldOut(tuned=job.held_out.tuned)), timing.Timed(WHOLE, SHORT, filling), absent
    )
    assert times.closing.low > silent.closing.low + 1, "the base computes everything"


def test_everything_is_computed_at_every_step_without_the_cache(make_job):
    job = make_job("head", training={"prefix_cache": "off"})
    assert frozen.missing(job) is None
    times = _times(job, timing.Timed(WHOLE, WHOLE), None)
    assert times.filling.high == 0
    assert times.training.low > 60


def test_several_processes_share_what_is_computed_once(make_job):
    job = make_job(LAST)
    timed = timing.Timed(WHOLE, WHOLE, WHOLE)
    one, two = (_times(replace(job, num_processes=number), timed, frozen.missing(job)).filling for number in (1, 2))
    assert two.low == pytest.approx(one.low / 2, rel=0.1)


def test_what_is_timed_is_what_the_run_does(make_job, facts):
    for tuning, has_filling in (("full", False), (LAST, True)):
        job = make_job(tuning)
        case = _case(job)
        room = footprint.room(job.material.forward.model, job.material.forward.device, facts)
        found = timing.timed(job, case, room, frozen.missing(job))
        assert (found.filling is not None) is has_filling
        assert (found.steps is not found.whole) is has_filling
        assert timing.timed(job, case, footprint.Room(0, 0), frozen.missing(job)) is None
