"""What a run leaves for people: one offline page and the model's card, both made from the run folder's files alone."""

from afina.reporting.card import write_card
from afina.reporting.html import write_report

__all__ = ["write_card", "write_report"]
