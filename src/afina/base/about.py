"""Who this package is: the one place that holds its version."""

__version__ = "0.1.0"
