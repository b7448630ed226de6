"""Tasks floor: what the model is for; columns, encoding, head, predictions, score. One file per task."""
