"""The two sides of a benchmark, each run in a process of its own, and what is needed to compare them fairly."""
