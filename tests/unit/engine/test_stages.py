"""Stages laid over a run's steps."""

import pytest

from afina.base.errors import RecipeError
from afina.engine.stages import spans
from afina.tuning.contract import Stage

REST = Stage("everything", frozenset({"a", "b"}))


def _head(**length):
    return Stage("head first", frozenset({"a"}), **length)


def _steps(stages, steps_per_epoch, num_steps):
    return [(span.stage.name, span.start, span.stop) for span in spans(stages, steps_per_epoch, num_steps)]


def test_a_single_stage_takes_the_whole_run():
    assert _steps([REST], 10, 25) == [("everything", 0, 25)]


@pytest.mark.parametrize(
    ("length", "expected"),
    [({"epochs": 1.0}, 10), ({"epochs": 0.5}, 5), ({"epochs": 0.26}, 3), ({"share": 0.2}, 5), ({"share": 0.01}, 1)],
)
def test_a_stage_takes_its_epochs_or_its_share_and_the_last_the_rest(length, expected):
    assert _steps([_head(**length), REST], 10, 25) == [("head first", 0, expected), ("everything", expected, 25)]


def test_a_share_leaves_the_last_step_to_the_rest():
    assert _steps([_head(share=0.2), REST], 1, 1) == [("everything", 0, 1)]
    assert _steps([_head(share=0.9), REST], 2, 2) == [("head first", 0, 1), ("everything", 1, 2)]


@pytest.mark.parametrize(
    ("epochs", "num_steps", "name"), [(3.0, 25, "everything"), (2.5, 25, "everything"), (0.01, 25, "head first")]
)
def test_a_stage_without_a_step_is_refused(epochs, num_steps, name):
    with pytest.raises(RecipeError) as error:
        spans([_head(epochs=epochs), REST], 10, num_steps)
    assert error.value.code == "E-TUNING-005"
    assert name in str(error.value)
