"""Optimisers, one file each: a `Config` and a `build` that returns a maker of torch optimisers."""
