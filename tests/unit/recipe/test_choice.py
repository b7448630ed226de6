"""Choices among techniques and short spellings."""

from typing import Annotated

import pytest
from pydantic import ValidationError

from afina.recipe.choice import Choice, Shorthand, strict
from afina.recipe.section import Section


class Chosen(Section):
    tuning: Annotated[Section, Choice("tuning")]
    optimizer: Annotated[Section, Choice("engine.optimizers", default="adamw")] = "adamw"
    task: Annotated[Section | str, Choice("tasks", auto=True)] = "auto"


class Named(Section):
    name: str
    size: int = 1


class Holder(Section):
    base: Annotated[Named, Shorthand("name")]


def test_choice_accepts_a_name_and_options():
    assert strict(Chosen, {"tuning": "full"}) == strict(Chosen, {"tuning": {"kind": "full", "layer_decay": 1.0}})


def test_choice_takes_hyphen_and_underscore_alike():
    assert strict(Chosen, {"tuning": "last_blocks"}) == strict(Chosen, {"tuning": {"kind": "last-blocks"}})


def test_choice_uses_its_default_kind_for_options_alone():
    chosen = strict(Chosen, {"tuning": "full", "optimizer": {"weight_decay": 0.5}})
    assert chosen.optimizer.model_dump()["kind"] == "adamw"
    assert chosen.optimizer.weight_decay == 0.5


def test_choice_keeps_auto():
    assert strict(Chosen, {"tuning": "full"}).task == "auto"


def test_choice_reports_a_technique_s_problems_at_their_path_with_all_others():
    with pytest.raises(ValidationError) as caught:
        strict(Chosen, {"tuning": {"kind": "full", "layer_decay": 3, "x": 1}, "optimizer": "nothing", "y": 2})
    found = {detail["loc"] for detail in caught.value.errors()}
    assert found == {("tuning", "layer_decay"), ("tuning", "x"), ("optimizer",), ("y",)}


@pytest.mark.parametrize("value", [None, 3, True, {}, {"kind": None}, {"kind": []}, "no-such", "../full", ""])
def test_choice_refuses_what_is_no_kind_and_lists_those_that_exist(value):
    with pytest.raises(ValidationError) as caught:
        strict(Chosen, {"tuning": value})
    problem = caught.value.errors()[0]["ctx"]["problem"]
    assert "full" in problem.expected
    assert "last-blocks" in problem.expected


def test_choice_is_dumped_with_its_options():
    assert strict(Chosen, {"tuning": "full"}).model_dump(mode="json")["tuning"]["kind"] == "full"


def test_shorthand_fills_its_field():
    assert strict(Holder, {"base": "x"}) == strict(Holder, {"base": {"name": "x", "size": 1}})


def test_shorthand_reports_problems_inside():
    with pytest.raises(ValidationError) as caught:
        strict(Holder, {"base": {"name": "x", "size": "1"}})
    assert caught.value.errors()[0]["loc"] == ("base", "size")


@pytest.mark.parametrize("value", ["1", True, 1.5])
def test_strict_turns_nothing_into_a_number(value):
    with pytest.raises(ValidationError):
        strict(Named, {"name": "x", "size": value})
