"""Memory, time and advice before a run: formulas, and a probe of a few real steps."""
