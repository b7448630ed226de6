"""The base class of sections."""

import pytest
from pydantic import ValidationError

from afina.recipe.section import Section


class Small(Section):
    """A section."""

    size: float = 1.0
    """Its size."""


def test_section_is_frozen():
    with pytest.raises(ValidationError):
        Small().size = 2.0


def test_section_refuses_unknown_keys_and_what_is_no_number():
    for values in ({"seize": 1}, {"size": float("nan")}, {"size": float("inf")}):
        with pytest.raises(ValidationError):
            Small(**values)


def test_section_takes_a_field_s_text_from_beneath_it():
    assert Small.model_fields["size"].description == "Its size."
