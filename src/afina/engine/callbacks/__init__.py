"""Callbacks, one file each: behaviours bound to the loop's events."""
