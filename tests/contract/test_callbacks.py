"""The laws that every callback keeps, and what early stop and divergence decide."""

import json

import pytest

from afina.base import registry
from afina.base.errors import QualityError
from afina.base.events import Events, read
from afina.engine import checkpoint
from afina.engine.checkpoint import State
from afina.engine.contract import EVENTS, Judgement, Progress, emit, in_order
from afina.engine.recording import Recording
from tests import tiny

KINDS = registry.names("engine.callbacks")
every_callback = pytest.mark.parametrize("kind", KINDS)


def _progress(step=1, score=0.5, loss=1.0):
    judgement = Judgement(loss, {"accuracy": score}, score)
    return Progress(num_steps=100, steps_per_epoch=10, step=step, loss=loss, judgement=judgement, best_step=step)


def _through_a_checkpoint(callback, folder):
    checkpoint.save(folder, 1, {"callbacks": State(values={"it": dict(callback.state_dict())})})
    return checkpoint.at(folder, 1).read()["callbacks"].values["it"]


@every_callback
def test_every_event_is_borne_from_first_to_last(kind):
    callback = tiny.technique("engine.callbacks", kind)
    for event in EVENTS:
        emit([callback], event, _progress())


@every_callback
def test_state_survives_a_checkpoint(kind, tmp_path):
    callback, fresh = (tiny.technique("engine.callbacks", kind) for _ in range(2))
    assert _through_a_checkpoint(callback, tmp_path) == dict(callback.state_dict())
    for event in EVENTS[:-1]:
        emit([callback], event, _progress())
    state = _through_a_checkpoint(callback, tmp_path)
    assert state == dict(callback.state_dict())
    fresh.load_state_dict(state)
    assert fresh.state_dict() == callback.state_dict()
    json.dumps(fresh.state_dict())


@every_callback
def test_it_binds_to_events_that_exist(kind):
    callback = tiny.technique("engine.callbacks", kind)
    assert in_order([callback]) == [callback]
    assert any(hasattr(callback, event) for event in EVENTS)


def test_a_method_named_after_no_event_is_refused():
    class Misspelt:
        priority = 1

        def step_finished(self, progress):
            pass

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            pass

    with pytest.raises(TypeError, match="step_finished"):
        in_order([Misspelt()])
    with pytest.raises(AssertionError, match="step_finished"):
        emit([], "step_finished", _progress())


def test_lower_priorities_come_first():
    calls = []

    class Bound:
        def __init__(self, priority):
            self.priority = priority

        def step_done(self, progress):
            calls.append(self.priority)

    emit(in_order([Bound(3), Bound(1), Bound(2)]), "step_done", _progress())
    assert calls == [1, 2, 3]


def _stops_at(callback, scores, resumed_at=None):
    for step, score in enumerate(scores):
        if step == resumed_at:
            state = callback.state_dict()
            callback = tiny.technique(
                "engine.callbacks", "early-stop", patience=callback.patience, min_delta=callback.min_delta
            )
            callback.load_state_dict(state)
        progress = _progress(step, score)
        emit([callback], "evaluate_done", progress)
        if progress.stop_reason:
            return step
    return None


@pytest.mark.parametrize(
    ("patience", "min_delta", "scores", "stops"),
    [
        (1, 0.0, [0.5, 0.5], 1),
        (2, 0.0, [0.5, 0.4, 0.4, 0.9], 2),
        (2, 0.0, [0.5, 0.4, 0.6, 0.5, 0.5], 4),
        (2, 0.1, [0.5, 0.55, 0.58, 0.59], 2),
        (3, 0.0, [0.1, 0.2, 0.3, 0.4], None),
        (2, 0.0, [0.5, float("nan"), float("nan")], 2),
        (2, 0.0, [-3.0, -2.0, -2.5, -2.4], 3),
    ],
)
def test_early_stop_waits_its_patience(patience, min_delta, scores, stops):
    make = lambda: tiny.technique("engine.callbacks", "early-stop", patience=patience, min_delta=min_delta)  # noqa: E731
    assert _stops_at(make(), scores) == stops
    for cut in range(len(scores)):
        assert _stops_at(make(), scores, resumed_at=cut) == stops


def _diverges_at(losses, resumed_at=None, **options):
    callback = tiny.technique("engine.callbacks", "divergence", window=5, **options)
    for step, loss in enumerate(losses):
        if step == resumed_at:
            state = callback.state_dict()
            callback = tiny.technique("engine.callbacks", "divergence", window=5, **options)
            callback.load_state_dict(state)
        try:
            emit([callback], "step_done", _progress(step, loss=loss))
        except QualityError as error:
            return step if error.code == "E-RUN-011" else error.code
    return None


def test_divergence_stops_a_run_whose_loss_has_left():
    losses = [0.7] * 10 + [9.0] * 10
    assert _diverges_at(losses) == 12
    for cut in range(len(losses)):
        assert _diverges_at(losses, resumed_at=cut) == 12


@pytest.mark.parametrize(
    "losses", [[0.7] * 40, [0.001] * 10 + [0.02] * 20, [0.7] * 10 + [9.0, 9.0, 0.6] * 1 + [0.6] * 10]
)
def test_divergence_bears_noise_small_losses_and_spikes(losses):
    assert _diverges_at(losses) is None


def test_recording_writes_one_event_for_each_step_and_judgement(tmp_path):
    with Events(tmp_path / "events.jsonl") as events:
        recording = Recording(events)
        for event in ("fit_start", "stage_start", "step_done", "evaluate_done", "checkpoint_saved", "fit_end"):
            emit([recording], event, _progress(step=0 if event == "fit_start" else 1))
    kinds = [event["kind"] for event in read(tmp_path / "events.jsonl")]
    assert kinds == ["fit_start", "stage", "step", "evaluation", "checkpoint", "fit_end"]


def test_recording_is_silent_in_other_processes(tmp_path):
    with Events(tmp_path / "events.jsonl") as events:
        progress = _progress()
        progress.is_main = False
        for event in EVENTS:
            emit([Recording(events)], event, progress)
    assert not list(read(tmp_path / "events.jsonl"))
