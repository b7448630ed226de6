"""Layers laid over each other."""

import pytest

from afina.base.errors import Problem
from afina.recipe.document import parse
from afina.recipe.layers import Layer, merge, nested, override


def _layer(text, origin="given", name="r.yaml"):
    document = parse(text, name)
    return Layer(origin=origin, tree=document.tree, name=name, keys=document.keys, values=document.values)


def test_merge_lays_mappings_together_and_replaces_the_rest():
    merged = merge([
        _layer("tuning: full\ntraining: {epochs: 1, seed: 2}\noutput: a\n", "extended", "low.yaml"),
        _layer("training: {epochs: 5}\noutput: b\n"),
    ])  # fmt: skip
    assert merged.tree == {"tuning": {"kind": "full"}, "training": {"epochs": 5, "seed": 2}, "output": "b"}
    assert merged.owner(("training", "epochs")).origin == "given"
    assert merged.owner(("training", "seed")).origin == "extended"


def test_merge_spells_short_forms_out_so_that_an_override_reaches_inside():
    merged = merge([
        _layer("tuning: full\nbase: x\ndata: a.csv\n"),
        Layer(origin="override", tree={"tuning": {"layer_decay": 0.5}, "base": {"revision": "main"}}),
    ])  # fmt: skip
    assert merged.tree["tuning"] == {"kind": "full", "layer_decay": 0.5}
    assert merged.tree["base"] == {"name": "x", "revision": "main"}
    assert merged.tree["data"] == {"train": "a.csv"}


def test_merge_drops_the_options_of_another_kind():
    low = _layer("tuning: {kind: full, layer_decay: 0.5}\n", "extended")
    assert merge([low, _layer("tuning: {kind: head}\n")]).tree["tuning"] == {"kind": "head"}
    assert merge([low, _layer("tuning: head\n")]).tree["tuning"] == {"kind": "head"}
    assert merge([low, _layer("tuning: {kind: full, freeze_blocks: 1}\n")]).tree["tuning"]["layer_decay"] == 0.5


def test_merge_knows_that_a_default_kind_is_a_kind():
    low = _layer("objective: {label_smoothing: 0.1}\n", "extended")
    assert merge([low, _layer("objective: {kind: supervised, focal_gamma: 1}\n")]).tree["objective"] == {
        "label_smoothing": 0.1,
        "kind": "supervised",
        "focal_gamma": 1,
    }


def test_merge_reads_a_section_without_lines_as_empty():
    assert merge([_layer("training:\n")]).tree == {"training": {}}


def test_merge_leaves_its_layers_alone():
    low = _layer("training: {epochs: 1}\n", "extended")
    merge([low, _layer("training: {epochs: 5}\n")])
    assert low.tree == {"training": {"epochs": 1}}


def test_locate_names_file_line_column_and_path():
    merged = merge([_layer("training:\n  callbacks: [a, zz]\n")])
    assert merged.locate(("training", "callbacks", 1, "kind"), Problem(what="x")).where == (
        "r.yaml:2:18 training.callbacks.1.kind"
    )
    assert merged.locate(("data",), Problem(what="x")).where == "r.yaml:1:1 data"
    assert merged.locate(("training", "callbacks"), Problem(what="x"), at_key=True).where.startswith("r.yaml:2:3")


def test_override_splits_at_the_first_equals_sign():
    assert override("data.train=a=b.csv") == (("data", "train"), "a=b.csv")
    assert nested(("a", "b"), 1) == {"a": {"b": 1}}


@pytest.mark.parametrize("text", ["", "training.epochs", "=5", "training..epochs=5", ".=1"])
def test_override_says_what_it_expected(text):
    assert isinstance(override(text), Problem)
