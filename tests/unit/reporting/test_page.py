"""The pieces of HTML."""

from __future__ import annotations

import json

from afina.reporting.page import Cell, bullets, card, details, page, pairs, section, table


def test_page_embeds_numbers_as_strict_json():
    document = page("a < b", "", [], {"x": float("nan"), "y": ("</script>", 1.5), "z": {"k": None}})
    embedded = document.split('id="numbers">')[1].split("</script>")[0]
    assert json.loads(embedded) == {"x": None, "y": ["</script>", 1.5], "z": {"k": None}}
    assert "<title>a &lt; b</title>" in document


def test_page_follows_the_system_and_prints():
    document = page("t", "", [], {})
    assert "prefers-color-scheme: dark" in document
    assert "@page { size: A4" in document


def test_table_escapes_texts_and_aligns_figures():
    markup = table(("a", "b"), [("<x>", Cell("<i>1</i>", strong=True))])
    assert '<th scope="row">&lt;x&gt;</th>' in markup
    assert '<td class="figure"><strong><i>1</i></strong></td>' in markup


def test_empty_pieces_vanish():
    assert section("a", "b", "") == ""
    assert pairs([("a", "")]) == ""
    assert details("a", "") == ""
    assert bullets([]) == ""
    assert "note" not in card("a", "b")


def test_pairs_and_bullets_escape():
    assert pairs([("<a>", "<b>")]) == "<dl><dt>&lt;a&gt;</dt><dd>&lt;b&gt;</dd></dl>"
    assert bullets(["<a>"]) == "<ul><li>&lt;a&gt;</li></ul>"
