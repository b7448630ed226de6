"""Events: a file that only grows, survives being torn, and never shows a step twice."""

import json

import pytest

from afina.base.events import Events, number, read


def filled(path, num_steps):
    with Events(path) as events:
        events.write("fit_start", num_steps=num_steps, epochs=1.0)
        for step in range(1, num_steps + 1):
            events.write("step", step, loss=1.0 / step)
            if step % 2 == 0:
                events.write("evaluation", step, split="validation", loss=0.5, metrics={"accuracy": 0.9})
    return path


def test_events_are_one_json_object_per_line(tmp_path):
    path = filled(tmp_path / "events.jsonl", 2)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["fit_start", "step", "step", "evaluation"]
    assert [line["sequence"] for line in lines] == [0, 1, 2, 3]
    assert lines[0]["time"].endswith("+00:00")
    assert "step" not in lines[0]
    assert lines[3] == {**lines[3], "step": 2, "split": "validation", "metrics": {"accuracy": 0.9}}


def test_a_line_is_there_before_write_returns(tmp_path):
    events = Events(tmp_path / "events.jsonl")
    events.write("note", message="olá")
    assert [event["message"] for event in read(events.path)] == ["olá"]
    events.close()
    events.close()


def test_numbers_that_are_not_finite_stay_valid_json(tmp_path):
    with Events(tmp_path / "events.jsonl") as events:
        events.write("step", 1, loss=float("nan"), gradient_norm=float("inf"))
    event = json.loads(events.path.read_text(), parse_constant=pytest.fail)
    assert (event["loss"], event["gradient_norm"]) == ("nan", "inf")
    assert number(event["gradient_norm"]) == float("inf")


def test_reserved_names_are_refused(tmp_path):
    with Events(tmp_path / "events.jsonl") as events, pytest.raises(TypeError, match="sequence"):
        events.write("note", sequence=3)


def test_reopening_drops_a_torn_line_and_counts_on(tmp_path):
    path = filled(tmp_path / "events.jsonl", 3)
    whole = path.read_bytes()
    for torn in range(1, len(whole.splitlines()[-1]) + 1):
        path.write_bytes(whole[:-torn])
        with Events(path) as events:
            events.write("note", message="again")
        lines = list(read(path))
        assert [event["sequence"] for event in lines] == list(range(len(lines)))
        assert lines[-1]["message"] == "again"
        assert path.read_bytes().count(b"\n") == len(lines)


def test_reopening_drops_zeros_that_a_power_cut_left(tmp_path):
    path = filled(tmp_path / "events.jsonl", 1)
    path.write_bytes(path.read_bytes() + b"\0" * 40 + b"\n")
    with Events(path) as events:
        events.write("note")
    assert [event["sequence"] for event in read(path)] == [0, 1, 2]
    assert b"\0" not in path.read_bytes()


def test_rewind_drops_what_lies_beyond_the_step(tmp_path):
    path = filled(tmp_path / "events.jsonl", 6)
    before = [event["sequence"] for event in read(path)]
    with Events(path) as events:
        events.write("note", message="stays")
        assert events.rewind(4) == 3
        assert events.rewind(4) == 0
        events.write("step", 5, loss=0.1)
    found = list(read(path))
    steps = [event["step"] for event in found if event["kind"] == "step"]
    assert steps == [1, 2, 3, 4, 5]
    assert found[-2]["message"] == "stays"
    assert found[-1]["sequence"] == before[-1] + 2
    assert sorted({event["sequence"] for event in found}) == [event["sequence"] for event in found]


def test_rewind_to_zero_keeps_only_events_without_a_step(tmp_path):
    with Events(filled(tmp_path / "events.jsonl", 3)) as events:
        events.rewind(0)
        assert [event["kind"] for event in read(events.path)] == ["fit_start"]


def test_read_passes_over_what_is_not_an_event(tmp_path):
    path = filled(tmp_path / "events.jsonl", 1)
    path.write_bytes(b'[1]\n{"kind": 1}\nnoise\n\xff\n' + path.read_bytes() + b'{"kind": "st')
    assert [event["kind"] for event in read(path)] == ["fit_start", "step"]
    assert list(read(tmp_path / "missing")) == []
