"""How runs are repeated."""
