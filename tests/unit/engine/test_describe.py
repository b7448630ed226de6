"""The loop as a page shows every event once, with what is bound to it."""

from afina.engine.contract import EVENTS
from afina.engine.describe import describe
from tests import tiny


def test_every_event_is_shown_once_in_order():
    page = describe([])
    places = [page.index(f"@{event}\n") if f"@{event}\n" in page else page.index(f"@{event}") for event in EVENTS]
    assert places == sorted(places)
    assert sum(line.strip().startswith("@") for line in page.splitlines()) == len(EVENTS)


def test_callbacks_stand_at_their_events():
    callbacks = [tiny.technique("engine.callbacks", "early-stop"), tiny.technique("engine.callbacks", "divergence")]
    lines = {line.strip().split()[0]: line for line in describe(callbacks).splitlines() if "@" in line}
    assert "EarlyStop" in lines["@evaluate_done"]
    assert "Divergence" in lines["@step_done"]
    assert "EarlyStop" not in lines["@step_done"]
