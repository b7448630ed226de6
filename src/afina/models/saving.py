"""Saving a model in the formats that everybody reads, and the ten lines that read the one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afina.base import durable
from afina.models.contract import Model
from afina.models.loading import HEAD_FILE
from afina.models.processor import Processor

CLS_USAGE = """\
from transformers import pipeline

classify = pipeline("text-classification", model=FOLDER)
print(classify("..."))
"""
"""How a model with `cls` pooling is used without Afina."""

MEAN_USAGE = """\
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

encoder = AutoModel.from_pretrained(FOLDER)
tokenizer = AutoTokenizer.from_pretrained(FOLDER)
head = load_file(f"{FOLDER}/head.safetensors")  # weight (classes, width), bias (classes,)
inputs = tokenizer(["..."], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
mask = inputs["attention_mask"].unsqueeze(-1)
pooled = (encoder(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
print(pooled @ head["weight"].T + head["bias"])  # one score per class; encoder.config.id2label names them
"""
"""How a model with `mean` pooling is used without Afina."""


def save(model: Model, processor: Processor, folder: Path, description: dict[str, Any]) -> None:
    """Write a model whole or not at all.

    Args:
        model: The model, its weights in float32.
        processor: Its processor.
        folder: The folder to make; must not exist.
        description: What `loading.describe` will return: the task and how to encode for it.

    Raises:
        ResourceError: If the disk does not suffice.
    """
    network = model.network
    with durable.atomic_folder(folder) as unfinished:
        placeholders = {name: getattr(network, name) for name in model.ties.modules}
        for name, module in model.ties.modules.items():
            setattr(network, name, module)
        try:
            if model.head is not None:
                labels = dict(enumerate(model.spec.labels))
                network.config.id2label = labels
                network.config.label2id = {label: index for index, label in labels.items()}
                linear = model.head.linear
                durable.write_tensors(unfinished / HEAD_FILE, {"weight": linear.weight, "bias": linear.bias})
            network.save_pretrained(unfinished)
        finally:
            for name, placeholder in placeholders.items():
                setattr(network, name, placeholder)
        processor.tokenizer.save_pretrained(unfinished)
        if model.spec.pooling == "mean":
            pooling = {"word_embedding_dimension": network.config.hidden_size, "pooling_mode_mean_tokens": True}
            (unfinished / "1_Pooling").mkdir()
            durable.write_json(unfinished / "1_Pooling" / "config.json", pooling)
        durable.write_json(unfinished / "afina.json", description)


def usage(model: Model, processor: Processor) -> str:
    """Return the code that uses the saved model without Afina."""
    if model.head is None:
        return CLS_USAGE
    return MEAN_USAGE.replace("MAX_TOKENS", str(processor.max_tokens))
