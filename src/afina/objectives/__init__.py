"""Objectives floor: what is minimised; a sum and a count. Knows no model."""
