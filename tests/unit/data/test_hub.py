"""How a data set on the Hub is spelled; what the Hub answers is tried in tests/integration/test_hub_data.py."""

import pytest

from afina.base.errors import DataError
from afina.data.hub import HubName, file_of, is_hub, parse
from afina.recipe import reading


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hub:ana/reviews", HubName("ana/reviews")),
        ("hub:ana/my.reviews-2#test", HubName("ana/my.reviews-2", split="test")),
        ("hub:nyu-mll/glue/cola@main", HubName("nyu-mll/glue", "cola", "main")),
        ("hub:a/b@refs/convert/parquet#train", HubName("a/b", "", "refs/convert/parquet", "train")),
        ("hub:a/b/data/rows.csv@1a2b", HubName("a/b", "data/rows.csv", "1a2b")),
    ],
)
def test_a_name_is_taken_apart_and_put_together(name, expected):
    assert parse(name) == expected
    assert str(expected) == name


@pytest.mark.parametrize("name", ["hub:", "hub:alone", "hub:a/b#", "hub:a/b@", "hub:a b/c"])
def test_another_spelling_is_refused(name):
    with pytest.raises(DataError) as caught:
        parse(name)
    assert caught.value.code == "E-DATA-030"
    assert "hub:owner/name" in caught.value.problem.expected


def test_a_file_of_it_has_a_name():
    name = parse("hub:a/b/cola@main#train")
    assert str(file_of(name, "train.csv")) == "hub:a/b/cola/train.csv@main"
    assert is_hub(str(name))
    assert not is_hub("hub.csv")


def test_a_recipe_leaves_such_a_name_as_it_is(tmp_path):
    resolved = reading.from_text("base: x\ndata: {train: 'hub:a/b', test: rows.csv}\ntuning: full", folder=tmp_path)
    assert resolved.recipe.data.train == "hub:a/b"
    assert resolved.recipe.data.test == str(tmp_path / "rows.csv")
