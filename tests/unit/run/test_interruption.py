"""A request to end is obeyed at the end of a step, once a checkpoint of it is whole."""

import os
import signal

import pytest

from afina.engine.contract import Progress, emit, in_order
from afina.run import machine
from afina.run.interruption import LeaveWhenAsked
from afina.run.signals import Interrupted, Signals


def test_inside_the_loop_a_signal_waits_for_the_checkpoint():
    with Signals() as signals:
        callbacks = in_order([LeaveWhenAsked(signals, machine.processes())])
        progress = Progress(num_steps=9, steps_per_epoch=3)
        emit(callbacks, "fit_start", progress)
        progress.step = 4
        emit(callbacks, "step_done", progress)
        assert not progress.must_save
        emit(callbacks, "checkpoint_saved", progress)
        os.kill(os.getpid(), signal.SIGINT)
        progress.step = 5
        emit(callbacks, "step_done", progress)
        assert progress.must_save
        with pytest.raises(Interrupted) as ended:
            emit(callbacks, "checkpoint_saved", progress)
    assert ended.value.step == 5


def test_a_signal_during_the_last_step_is_obeyed_when_the_loop_ends():
    with Signals() as signals:
        callback = LeaveWhenAsked(signals, machine.processes())
        progress = Progress(num_steps=9, steps_per_epoch=3, step=9)
        callback.fit_start(progress)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            callback.fit_end(progress)
    assert not signals.waits
