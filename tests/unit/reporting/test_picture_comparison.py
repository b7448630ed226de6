"""The picture of every entry's quality."""

import re
from xml.etree import ElementTree

from afina.reporting.picture_comparison import quality_picture
from tests.unit.reporting.comparisons import results


def test_every_judged_entry_is_drawn_with_its_interval_and_seeds():
    drawn = quality_picture(results())
    ElementTree.fromstring(drawn)
    assert drawn.count('class="entry lead"') == 2
    assert drawn.count('class="entry rest"') == 1
    assert drawn.count("reach") == 3
    assert drawn.count('class="seed') == 6
    assert "base, as it came" in drawn
    assert "qlora" not in drawn


def test_better_stands_to_the_right_and_all_is_inside():
    drawn = quality_picture(results())
    places = [float(place) for place in re.findall(r'cx="([\d.]+)" cy="[\d.]+" r="6"', drawn)]
    assert places == sorted(places, reverse=True)
    assert all(160 < place < 500 for place in places)


def test_without_a_base_there_is_no_line():
    assert "base, as it came" not in quality_picture(results() | {"base_score": None})
