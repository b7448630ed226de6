"""The picture of quality against time."""

import re
from xml.etree import ElementTree

import pytest

from afina.reporting.picture_front import front_picture
from tests.unit.reporting.comparisons import results


def _dots(drawn):
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)" r="6"', drawn)]


def test_the_front_joins_what_is_worth_its_time():
    drawn = front_picture(results())
    ElementTree.fromstring(drawn)
    assert drawn.count("front-line") == 1
    assert len(_dots(drawn)) == 3
    assert "logarithmic" in drawn


def test_slower_is_right_and_better_is_up_also_for_errors():
    lora, full, head = _dots(front_picture(results()))
    assert head[0] < lora[0] < full[0]
    assert lora[1] < full[1] < head[1]
    lora, _, head = _dots(front_picture(results() | {"metric": "mae"}))
    assert lora[1] > head[1]


@pytest.mark.parametrize("times", [(30.0, 31.0, 32.0), (0.2, 0.2, 0.2), (1.0, 4000.0, 90_000.0)])
def test_any_times_give_a_picture(times):
    given = results()
    for entry, seconds in zip(given["entries"], times, strict=False):
        entry["cost"]["train_s"] = seconds
    drawn = front_picture(given)
    ElementTree.fromstring(drawn)
    assert all(40 < x < 560 for x, _ in _dots(drawn))
    assert ("logarithmic" in drawn) == (max(times) > 6 * min(times))


def test_labels_of_neighbours_do_not_cover_each_other():
    given = results()
    for entry in given["entries"][:3]:
        entry["cost"]["train_s"], entry["quality"]["value"] = 30.0, 0.9
    found = re.findall(r'y="([\d.]+)" class="name halo \w+" text-anchor="(\w+)"', front_picture(given))
    heights = [(float(y), side) for y, side in found]
    assert len(heights) == 3
    for place, (y, side) in enumerate(heights):
        assert all(abs(y - other) >= 15 for other, beside in heights[:place] if beside == side)
    assert len({side for _, side in heights}) < 3
