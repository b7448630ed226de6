"""The page of a comparison, from its results alone."""

import json
import re

import pytest

from afina.reporting import comparison
from tests.unit.reporting.comparisons import results


def test_page_says_the_verdict_and_needs_nothing_else(tmp_path):
    comparison.write_comparison(tmp_path / "compare.html", results(), "en")
    page = (tmp_path / "compare.html").read_text("utf-8")
    assert "No difference between lora (rank 8) and full" in page
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script>" not in page
    embedded = re.search(r'id="numbers">(.*?)</script>', page, re.S).group(1)
    assert json.loads(embedded)["entries"][0]["name"] == "lora"


def test_what_users_wrote_is_escaped():
    page = comparison.render(results(label="<b>&", command="afina compare '<x>'"))
    assert "<b>&<" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "&lt;x&gt;" in page


def test_a_winner_stands_out_and_levels_do_not():
    won = results()
    won["verdict"] |= {"winner": "lora", "sentence": "lora is best: accuracy 91.0% against 90.0%."}
    assert '<span class="better">lora is best:</span>' in comparison.render(won)
    assert 'class="better"' not in comparison.render(results())


def test_failures_are_listed_with_their_reason():
    page = comparison.render(results())
    assert "bitsandbytes is not installed" in page
    assert "E-EXTRA-001" in page


def test_nothing_but_failures_still_makes_a_page():
    bare = results()
    bare |= {"entries": bare["entries"][-1:], "pairs": [], "metric": None, "n": None, "confidence": None}
    bare["verdict"] = {"sentence": "No entry has a result.", "remarks": [], "winner": None}
    page = comparison.render(bare)
    assert "No entry has a result." in page
    assert "<figure" not in page


@pytest.mark.parametrize(
    ("seeds", "said"), [([42], "with one seed, nothing is known"), ([42, 43], "other seeds might")]
)
def test_how_sure_it_is_depends_on_the_seeds(seeds, said):
    assert said in comparison.render(results() | {"seeds": seeds})


def test_searched_rates_are_told():
    searched = results() | {"search": {"num_rates": 3, "tried": {}, "kept": {}}}
    assert "3 tried around each technique" in comparison.render(searched)


def test_many_runs_are_folded_away():
    many = results()
    many["entries"][0]["runs"] = many["entries"][0]["runs"] * 6
    assert "Show all runs" in comparison.render(many)
    assert "Show all runs" not in comparison.render(results())
