"""Tuning floor: which weights move, when and how fast. Knows no task and no objective."""
