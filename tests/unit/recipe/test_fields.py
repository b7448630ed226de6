"""Which class stands at a path."""

from afina.recipe import fields
from afina.recipe.schema import Recipe, Retained, Split, Training


def test_section_at_follows_sections_choices_and_lists():
    tree = {"tuning": {"kind": "full"}, "evaluation": {"retained": [{"path": "a"}]}}
    assert fields.section_at((), tree) is Recipe
    assert fields.section_at(("training",), tree) is Training
    assert fields.section_at(("data", "split"), tree) is Split
    assert fields.section_at(("evaluation", "retained", 0), tree) is Retained
    assert "layer_decay" in fields.section_at(("tuning",), tree).model_fields
    callbacks = {"training": {"callbacks": ["early-stop", {"kind": "divergence"}]}}
    assert "patience" in fields.section_at(("training", "callbacks", 0), callbacks).model_fields
    assert "patience" not in fields.section_at(("training", "callbacks", 1), callbacks).model_fields


def test_section_at_finds_nothing_where_nothing_stands():
    for path in (("tuning",), ("seed",), ("nothing", "here"), ("seed", "inside")):
        assert fields.section_at(path, {"tuning": {"kind": "no-such"}}) is None


def test_slot_at_finds_choices_and_short_spellings():
    assert fields.slot_at(("tuning",), {}).point == "tuning"
    assert fields.slot_at(("data",), {}).field == "train"
    assert fields.slot_at(("training", "callbacks", 0), {}).point == "engine.callbacks"
    assert fields.slot_at(("training", "callbacks"), {}) is None
    assert fields.slot_at(("seed",), {}) is None


def test_accepted_says_it_in_words():
    tree = {"tuning": {"kind": "full"}, "evaluation": {"retained": [{"path": 3}]}}
    assert fields.accepted(("seed",), {}) == "a whole number from 0 up to 4294967295"
    assert fields.accepted(("tuning", "layer_decay"), tree) == "a number above 0 up to 1"
    assert fields.accepted(("evaluation", "retained", 0, "path"), tree) == "a text"
    assert "full" in fields.accepted(("tuning",), tree)
    assert fields.accepted(("nothing",), {}) == ""


def test_all_paths_has_every_field_that_always_exists():
    paths = fields.all_paths()
    assert {"data.split.test", "training.epochs", "evaluation.retained.path", "seed"} <= set(paths)
