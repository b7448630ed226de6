import pickle

import pytest

from afina.base import errors
from afina.base.errors import AfinaError, DataError, Problem

CODES = {
    errors.UsageError: 2,
    errors.RecipeError: 2,
    errors.RunError: 2,
    errors.DataError: 3,
    errors.ResourceError: 4,
    errors.MissingExtraError: 5,
    errors.SourceError: 6,
    errors.QualityError: 7,
}
STANDARD = {
    errors.UsageError: ValueError,
    errors.RunError: LookupError,
    errors.DataError: ValueError,
    errors.ResourceError: MemoryError,
    errors.MissingExtraError: ImportError,
    errors.SourceError: OSError,
    errors.QualityError: ArithmeticError,
}


@pytest.mark.parametrize("kind", CODES)
def test_each_error_has_its_exit_code(kind):
    error = kind("E-X-001", "what")
    assert error.exit_code == CODES[kind]
    assert isinstance(error, AfinaError)


@pytest.mark.parametrize("kind", STANDARD)
def test_each_error_is_a_standard_one_too(kind):
    with pytest.raises(STANDARD[kind], match="E-X-001"):
        raise kind("E-X-001", "what")


def test_text_says_code_where_what_expected_and_mend():
    error = DataError(
        "E-DATA-003", "The label is missing.", where="rows.csv:7", expected="a label", mend="remove the row"
    )
    assert str(error).splitlines() == [
        "E-DATA-003 rows.csv:7: The label is missing.",
        "  expected: a label",
        "  mend: remove the row",
    ]


def test_all_problems_are_told_at_once():
    problems = (Problem(what="one", where="a:1"), Problem(what="two", where="a:2"))
    error = DataError("E-DATA-001", "Two rows are wrong.", problems=problems)
    assert [line for line in str(error).splitlines() if line.startswith("- ")] == ["- a:1: one", "- a:2: two"]
    assert [problem["where"] for problem in error.as_dict()["problems"]] == ["a:1", "a:2"]


def test_errors_survive_a_worker_process():
    error = DataError("E-DATA-003", "what", where="here", mend="so", problems=(Problem(what="one"),))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DataError
    assert again.as_dict() == error.as_dict()
    assert str(again) == str(error)
