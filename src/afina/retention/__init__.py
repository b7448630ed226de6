"""Retention floor: what must not be forgotten. Knows no tuning kind."""
