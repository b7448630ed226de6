"""Tuning floor: which weights move, when and how fast. Knows no task and no objective.

What a technique is made of is here, for those of other packages too; the techniques are the files beside this one.
"""

from afina.base.types import Family
from afina.tuning._selection import Choice, Selection
from afina.tuning.contract import Group, Stage, State, Tunable, Tuning, TuningReport

__all__ = ["Choice", "Family", "Group", "Selection", "Stage", "State", "Tunable", "Tuning", "TuningReport"]
