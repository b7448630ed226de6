import dataclasses

import pytest

from afina.evaluation.contender import Interval


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Interval(low=0.0, high=1.0).low = 2.0
