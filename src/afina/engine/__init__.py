"""Engine floor: driving steps exactly. Knows no task and no technique."""
