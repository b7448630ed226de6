"""What is refused once every entry was measured, and that nothing is left of it; runs are in tests/integration."""

from functools import partial
from pathlib import Path

import pytest

from afina.base.errors import SourceError, UsageError
from afina.recipe import reading
from afina.regimes.compare import conduct, folder, launching, request
from afina.regimes.compare.axes import Axis
from afina.regimes.compare.request import Terms


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setattr(launching, "MODULE", "tests.unit.regimes.compare.stand_in")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    monkeypatch.chdir(tmp_path)


def _begin(*tunings, **terms):
    read = partial(reading.from_keywords, {"base": "b", "data": "rows.csv"})
    return folder.begin(request.build(read, [Axis("tuning", tunings)], Terms(**terms)), "rows", Path("one"))


OTHER_ROWS = {"kind": "full", "layer_decay": 0.5}


@pytest.mark.parametrize(
    ("tunings", "terms", "code"),
    [
        (("head", OTHER_ROWS), {}, "E-COMPARE-013"),
        (("head", "full"), {"budget_s": 5.0}, "E-COMPARE-010"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_leaves_nothing(tunings, terms, code):
    with pytest.raises(UsageError) as caught:
        conduct.carry(_begin(*tunings, **terms))
    assert caught.value.code == code
    assert not Path("one").exists()


def test_when_no_entry_can_run_the_reason_is_the_error():
    with pytest.raises(SourceError, match=r"No such thing") as caught:
        conduct.carry(_begin("bias", "norm"))
    assert caught.value.code == "E-X-001"
    assert "killed from outside" in caught.value.problems[0].what
    assert not Path("one").exists()
