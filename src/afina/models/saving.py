"""Saving a model in the formats that everybody reads, and the ten lines that read the one of ours."""

from __future__ import annotations

from collections.abc import Callable
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

ADAPTED_USAGE = """\
from transformers import AutoModelForSequenceClassification, AutoTokenizer

network = AutoModelForSequenceClassification.from_pretrained(BASE, num_labels=NUM_LABELS)
ADAPTER
tokenizer = AutoTokenizer.from_pretrained(FOLDER)
print(network(**tokenizer("...", return_tensors="pt")).logits.argmax(1))  # CLASSES names them
"""
"""How a model with `cls` pooling that consists of a base and an adapter is used without Afina."""

POOLED_USAGE = """\
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

network = AutoModel.from_pretrained(BASE)
ADAPTER
tokenizer = AutoTokenizer.from_pretrained(FOLDER)
head = load_file(f"{FOLDER}/head.safetensors")  # weight (classes, width), bias (classes,)
inputs = tokenizer(["..."], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
states, mask = network(**inputs).last_hidden_state, inputs["attention_mask"]
pooled = POOLED
print(pooled @ head["weight"].T + head["bias"])  # one score per class; CLASSES names them
"""
"""How a model that is pooled by us is used without Afina."""

POOLED = {
    "mean": "(states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)",
    "last": "states[range(len(states)), mask.sum(1) - 1]",
}
"""The pooling of that code."""


def save(
    model: Model,
    processor: Processor,
    folder: Path,
    description: dict[str, Any],
    adapter: Callable[[Path], bool] | None = None,
) -> None:
    """Write a model whole or not at all.

    Args:
        model: The model, its weights in float32.
        processor: Its processor.
        folder: The folder to make; must not exist.
        description: What `loading.describe` will return: the task and how to encode for it.
        adapter: Writes what a tuning added to the base into a folder, and returns False where it added nothing; then
            the network is written whole. None is the same as one that adds nothing.

    Raises:
        ResourceError: If the disk does not suffice.
    """
    with durable.atomic_folder(folder) as unfinished:
        is_adapter = adapter is not None and adapter(unfinished)
        if not is_adapter:
            _save_network(model, unfinished)
        if model.head is not None:
            linear = model.head.linear
            durable.write_tensors(unfinished / HEAD_FILE, {"weight": linear.weight, "bias": linear.bias})
        backend = getattr(processor.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            # It remembers how it was last called, and would write that down: a resumed run would ship another file.
            backend.no_truncation()
            backend.no_padding()
        processor.tokenizer.save_pretrained(unfinished)
        if model.spec.pooling == "mean" and not is_adapter:
            pooling = {"word_embedding_dimension": model.network.config.hidden_size, "pooling_mode_mean_tokens": True}
            (unfinished / "1_Pooling").mkdir()
            durable.write_json(unfinished / "1_Pooling" / "config.json", pooling)
        durable.write_json(unfinished / "afina.json", {**description, "is_adapter": is_adapter})


def _save_network(model: Model, folder: Path) -> None:
    network = model.network
    placeholders = {name: getattr(network, name) for name in model.set_aside}
    for name, module in model.set_aside.items():
        setattr(network, name, module)
    try:
        if model.head is not None:
            labels = dict(enumerate(model.spec.labels))
            network.config.id2label = labels
            network.config.label2id = {label: index for index, label in labels.items()}
        network.save_pretrained(folder)
    finally:
        for name, placeholder in placeholders.items():
            setattr(network, name, placeholder)


def usage(model: Model, processor: Processor, adapter: str = "", base: str = "") -> str:
    """Return the code that uses the saved model without Afina; `FOLDER` in it stands for the saved folder.

    Args:
        model: The model.
        processor: Its processor.
        adapter: The code that puts the saved adapter on `network`; empty where the network was saved whole.
        base: How others find the base, where there is an adapter.
    """
    if model.head is None and not adapter:
        return CLS_USAGE
    code = ADAPTED_USAGE if model.head is None else POOLED_USAGE
    values = {
        "BASE": repr(base) if adapter else "FOLDER",
        "ADAPTER\n": f"{adapter.strip()}\n" if adapter else "",
        "NUM_LABELS": str(len(model.spec.labels)),
        "MAX_TOKENS": str(min(processor.max_tokens, model.layout.max_tokens)),
        "POOLED": POOLED.get(model.spec.pooling, ""),
        "CLASSES": 'the list "labels" in afina.json' if adapter else "network.config.id2label",
    }
    for word, value in values.items():
        code = code.replace(word, value)
    return code
