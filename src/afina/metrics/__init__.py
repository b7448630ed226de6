"""Numbers that say how good predictions are: pure functions over numpy arrays, without torch."""
