"""How long the rest will take."""

from afina.regimes.compare.watching import Clock, Moment, Plain, Task


def test_the_rest_goes_by_the_plan_until_something_is_done():
    clock = Clock({"a": 10.0, "b": 20.0, "c": 30.0})
    assert clock.remaining_s() == 60.0
    assert clock.remaining_s("a", 4.0) == 56.0
    assert clock.remaining_s("a", 40.0) == 50.0


def test_then_by_how_long_what_was_planned_really_took():
    clock = Clock({"a": 10.0, "b": 20.0, "c": 30.0})
    clock.done("a", 5.0)
    assert clock.remaining_s() == 25.0
    assert clock.remaining_s("b", 4.0) == 21.0


def test_what_was_done_before_says_nothing_of_the_pace():
    clock = Clock({"a": 10.0, "b": 20.0})
    clock.done("a", None)
    assert clock.remaining_s() == 20.0


def test_plain_says_which_of_how_many_and_how_long(capsys):
    Plain().begins(Moment(Task(2, 6, "head, seed 42"), 0, 0, 125.0))
    Plain().warning("mind this")
    assert capsys.readouterr().err.splitlines() == ["[2/6] head, seed 42 (about 2 min in all)", "mind this"]
