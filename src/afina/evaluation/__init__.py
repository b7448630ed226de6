"""The tuned model against its base on the same held-out rows, what it forgot, and what it cost."""
