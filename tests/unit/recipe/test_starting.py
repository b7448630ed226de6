"""The starters are complete, valid and teach options that work."""

import csv
import io
import re

import pytest

from afina.base.errors import UsageError
from afina.recipe import starting
from afina.recipe.reading import from_text

STARTERS = [(name, language) for name in ("reviews", "support") for language in ("en", "pt")]


def test_names_lists_the_starters():
    assert starting.names() == ["reviews", "support"]


@pytest.mark.parametrize(("name", "language"), STARTERS)
def test_starter_has_three_lines_that_count_and_its_rows(name, language):
    files = starting.files(name, language)
    text = files["recipe.yaml"].decode("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line.split(":")[0] for line in lines] == ["base", "data", "tuning"]
    recipe = from_text(text, folder="/project").recipe
    for path in (recipe.data.train, recipe.data.test):
        rows = list(csv.DictReader(io.StringIO(files[path.removeprefix("/project/")].decode("utf-8"))))
        assert len(rows) > 40


@pytest.mark.parametrize(("name", "language"), STARTERS)
def test_every_commented_option_of_a_starter_works_when_switched_on(name, language):
    text = starting.files(name, language)["recipe.yaml"].decode("utf-8")
    switched_on = re.sub(r"^#(?=[a-z]|  [a-z_]+: \S+$)", "", text, flags=re.MULTILINE)
    recipe = from_text(switched_on).recipe
    assert recipe.training.epochs == 5
    assert recipe.training.learning_rate == 3e-5
    assert recipe.retention.kind == "wise-ft"
    assert recipe.seed == 7


def test_files_names_the_nearest_starter():
    with pytest.raises(UsageError, match="--recipe reviews"):
        starting.files("review", "en")
