"""Rows and facts for the data floor's tests."""

import pytest

from afina.data.contract import Columns, Row
from afina.data.facts import gather


@pytest.fixture
def rows_of():
    """A function that makes rows of (text, label): row i stands on line i + 2 of `name`."""

    def make(pairs, name="rows.csv"):
        return [
            Row(number, name, number + 2, {"text": text, "label": label}) for number, (text, label) in enumerate(pairs)
        ]

    return make


@pytest.fixture
def facts_of(rows_of):
    """A function that makes the facts of such rows."""

    def make(pairs, name="rows.csv", count_tokens=None):
        return gather(rows_of(pairs, name), Columns(text=("text",), label=("label",)), count_tokens)

    return make
