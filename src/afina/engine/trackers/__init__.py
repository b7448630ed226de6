"""Trackers, one file each: mirrors of a run in the programs that people already compare runs with."""
