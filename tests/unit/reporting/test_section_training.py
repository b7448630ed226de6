"""What was trained, how it went, what it cost."""

from __future__ import annotations

import json

import pytest

from afina.reporting.facts import read_facts
from afina.reporting.section_training import (
    checkpoints_section,
    choice_words,
    cost_section,
    course_section,
    health,
    moving_words,
    trained_section,
)


def test_trained_section_reads_the_recipe(make_run):
    markup = trained_section(read_facts(make_run("single")))
    for part in (
        "builtin:minilm",
        "full (layer_decay 0.9)",
        "one class per row, of 8",
        "2e-05".replace("-0", "-"),
        "42",
    ):
        assert part in markup


def test_trained_section_of_nothing_is_nothing(make_run):
    assert trained_section(read_facts(make_run("empty"))) == ""


def test_choice_words_write_options_that_are_no_defaults(make_run):
    folder = make_run("empty")
    (folder / "recipe.yaml").write_text(
        "tuning:\n  kind: full  # given\n  layer_decay: 0.9  # override\n  freeze_blocks: 0  # default\n"
        "retention: none  # default\ntraining:\n  optimizer:\n    kind: adamw  # default\n    beta1: 0.9  # default\n"
    )
    facts = read_facts(folder)
    assert choice_words(facts, "tuning") == "full (layer_decay 0.9)"
    assert choice_words(facts, "retention") == "none"
    assert choice_words(facts, "training.optimizer") == "adamw"
    assert choice_words(facts, "objective") == ""


def test_moving_words_show_a_small_share(make_run):
    folder = make_run("single")
    values = json.loads((folder / "evaluation.json").read_text())
    values["cost"] |= {"num_trainable_parameters": 3080, "num_parameters": 22_716_296}
    (folder / "evaluation.json").write_text(json.dumps(values))
    assert moving_words(read_facts(folder)) == "3,080 of 22,716,296 (0.014%)"


@pytest.mark.parametrize(
    ("losses", "validation", "expected"),
    [
        ([1 / step for step in range(1, 60)], [1.0, 0.5, 0.9], "1.80 times above its lowest"),
        ([1.0] * 50 + [9.0] * 9, [], "diverged"),
        ([1.0 - step / 10_000 for step in range(60)], [], "hardly fell"),
        ([1 / step for step in range(1, 60)], [1.0, 0.5, 0.5], "No problem found"),
    ],
)
def test_health_reads_the_curves(make_run, losses, validation, expected):
    folder = make_run("empty")
    events = [{"kind": "step", "step": step, "loss": loss} for step, loss in enumerate(losses)]
    events += [{"kind": "evaluation", "step": step, "loss": loss} for step, loss in enumerate(validation)]
    (folder / "events.jsonl").write_text("\n".join(json.dumps(event) for event in events))
    assert expected in " ".join(health(read_facts(folder)))


def test_course_section_says_how_it_ended(make_run):
    assert "every planned step was taken" in course_section(read_facts(make_run("single")))
    assert "it was cut off" in course_section(read_facts(make_run("interrupted")))
    assert "Not one step was taken." in course_section(read_facts(make_run("empty")))


def test_course_section_shows_the_mix_that_was_kept(make_run):
    folder = make_run("single")
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "mixture", "step": 240, "alpha": 0.6, "curve": {"0": 0.8, "0.6": 0.9}}) + "\n")
    markup = course_section(read_facts(folder))
    assert "the one with 60% of the tuned" in markup
    assert "<strong>60%</strong>" in markup


def test_cost_section_writes_time_memory_and_size(make_run):
    markup = cost_section(read_facts(make_run("single")))
    for part in ("1 min 33 s", "1.2 GB", "91.0 MB", "22,716,296 of 22,716,296 (100%)"):
        assert part in markup
    assert cost_section(read_facts(make_run("failed"))) == ""


def test_checkpoints_section_tells_kept_from_removed(make_run):
    markup = checkpoints_section(read_facts(make_run("single")))
    assert "<strong>192</strong>" in markup
    assert "made room for newer ones (9)" in markup
    assert "No checkpoint was written." in checkpoints_section(read_facts(make_run("empty")))
