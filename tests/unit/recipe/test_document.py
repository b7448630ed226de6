"""YAML as plain values with places, within limits."""

import pytest

from afina.base.errors import RecipeError
from afina.recipe import document
from afina.recipe.document import Mark, decode, parse, parse_value


def test_parse_reads_yaml_1_2_scalars():
    tree = parse("a: 1e-4\nb: no\nc: 0x1f\nd: ~\ne: true\nf: 2020-01-01\ng: '5'\nh: .5\ni: 010\n", "r").tree
    assert tree == {
        "a": 1e-4, "b": "no", "c": 31, "d": None, "e": True, "f": "2020-01-01", "g": "5", "h": 0.5, "i": 10,
    }  # fmt: skip


def test_parse_keeps_the_place_of_every_key_and_value():
    found = parse("base: x\ntraining:\n  epochs: 3\n  callbacks: [a, {kind: b}]\n", "r")
    assert found.keys["training", "epochs"] == Mark(3, 3)
    assert found.values["training", "epochs"] == Mark(3, 11)
    assert found.values["training", "callbacks", 1, "kind"] == Mark(4, 25)


def test_parse_repeats_aliases():
    assert parse("a: &x [1, 2]\nb: *x\n", "r").tree == {"a": [1, 2], "b": [1, 2]}


def test_parse_merge_key_is_an_ordinary_key():
    assert parse("a: &x {b: 1}\nc: {<<: *x}\n", "r").tree["c"] == {"<<": {"b": 1}}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
SEQUENCE_ALIASES = "\n".join(f"k{n}: &k{n} [*k{n - 1}]" if n else "k0: &k0 [1]" for n in range(60))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "r:1:1", "empty"),
        ("# only a comment\n", "r:1:1", "empty"),
        ("- a\n", "r:1:1", "mapping"),
        ("just text", "r:1:1", "mapping"),
        ("a: 1\na: 2\n", "r:2:1", "twice"),
        ("a: !!python/object:os.system x\n", "r:1:4", "Tags"),
        ("a: !!str 5\n", "r:1:4", "Tags"),
        ("a: b\n---\nc: d\n", "r:2:1", "second"),
        ("%YAML 1.1\n---\na: b\n", "r:2:1", "Directives"),
        ("a:\n\t- b\n", "r:2:1", "YAML"),
        ("a: [1, 2\n", "r:2:1", "YAML"),
        ("a: 'x\n", "r:2:1", "YAML"),
        ("a: *nothing\n", "r:1:4", "alias"),
        ("a: &a [*a]\n", "r:1:8", "alias"),
        ("? [a]\n: 1\n", "r:1:3", "plain text"),
        ("a: \x07\n", "r:1:4", "U+0007"),
        ('a: "\\0"\n', "r:1:4", "escape"),
        ('a: "\\ud800"\n', "r:1:4", "escape"),
        (f"a: {'9' * 500}\n", "r:1:4", "digits"),
        ("[" * 500, "r:1:51", "deeper"),
        (BOMB, "r:4:", "values"),
        (SEQUENCE_ALIASES, "r:5", "deeper"),
    ],
)
def test_parse_refuses_with_the_place(text, place, says):
    with pytest.raises(RecipeError) as caught:
        parse(text, "r")
    assert caught.value.problem.where.startswith(place)
    assert says in caught.value.problem.what
    assert caught.value.code == "E-RECIPE-002"


def test_decode_refuses_what_is_not_utf_8_at_its_place():
    with pytest.raises(RecipeError, match="r:2:4"):
        decode(b"a: b\nc: \xff\n", "r")


def test_decode_refuses_what_is_too_large():
    with pytest.raises(RecipeError, match="larger"):
        decode(b"#" * (document.MAX_BYTES + 1), "r")


def test_decode_takes_a_byte_order_mark_away():
    assert decode(b"\xef\xbb\xbfa: b", "r") == "a: b"


def test_parse_value_reads_any_value_and_nothing_as_null():
    assert [parse_value(text, "o") for text in ("5", "1e-4", "[a, 2]", "{a: b}", "", " ", "text")] == [
        5, 1e-4, ["a", 2], {"a": "b"}, None, None, "text",
    ]  # fmt: skip


def test_parse_value_refuses_a_second_line_that_ends_the_value():
    with pytest.raises(RecipeError):
        parse_value("5\nb: 3", "o")
