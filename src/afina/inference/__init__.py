"""Inference floor: running a model forward the one right way, for training, evaluation and prediction alike."""
