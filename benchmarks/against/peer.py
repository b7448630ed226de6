"""The peer: transformers' Trainer at its default, in bfloat16, grouping by length, and fed ideal batches."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers
from torch.utils.data import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from against import stopwatch, workloads

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "bf16": {"bf16": True},
    "grouped": {"bf16": True, "train_sampling_strategy": "group_by_length"},
    "ideal": {"bf16": True},
}
"""The arguments that make each setting, beside those that both sides share."""


class Rows(Dataset):  # type: ignore[type-arg]
    """Tokenised rows, as our side encoded them."""

    def __init__(self, path: str) -> None:
        saved = np.load(path)
        edges = np.cumsum(saved["lengths"])[:-1]
        self.documents = [document.tolist() for document in np.split(saved["tokens"], edges)]
        self.labels = saved["labels"].tolist()

    def __len__(self) -> int:
        return len(self.documents)

    def __getitem__(self, row: int) -> dict[str, Any]:
        document = self.documents[row]
        return {"input_ids": document, "attention_mask": [1] * len(document), "labels": self.labels[row]}


class Ordered(Trainer):
    """A Trainer fed in a given order; it notes the loss of each step, before its update."""

    order: Sequence[int] | None = None

    def _get_train_sampler(self, *args: Any) -> Any:
        return self.order if self.order is not None else super()._get_train_sampler(*args)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """Return the loss, noted."""
        loss = super().compute_loss(*args, **kwargs)
        self.losses = [*getattr(self, "losses", []), float(loss)]
        return loss


class Timed(TrainerCallback):
    """Takes the time after every step."""

    def __init__(self) -> None:
        self.watch = stopwatch.Stopwatch()

    def on_step_end(self, arguments: Any, state: Any, *_: Any, **__: Any) -> None:
        """Take the time; every batch of the steps timed is whole."""
        self.watch.tick(state.global_step * workloads.BATCH_ROWS)


def model(start: str, dropout: float) -> Any:
    """Return the model to start from, with this dropout throughout."""
    return AutoModelForSequenceClassification.from_pretrained(
        start, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, classifier_dropout=dropout
    )


def freeze(network: Any, moving: Sequence[str]) -> None:
    """Let only the parameters `moving` move; a part in which nothing does stays in evaluation mode, its dropout off.

    The Trainer itself leaves dropout on in frozen parts. Off on both sides, both compute the same, and the Trainer is
    spared drawing it.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in moving)
    whole = type(network).train

    def train(mode: bool = True) -> Any:
        whole(network, mode)
        for module in network.modules():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()
        return network

    network.train = train


def trainer(asked: dict[str, Any], network: Any, kind: type[Trainer], settings: dict[str, Any]) -> Any:
    """Return the Trainer with everything that both sides share, and `settings`."""
    transformers.logging.set_verbosity_error()
    arguments = TrainingArguments(
        tempfile.mkdtemp(dir=asked["scratch"]),
        max_steps=asked["steps"],
        per_device_train_batch_size=workloads.BATCH_ROWS,
        learning_rate=asked.get("learning_rate", workloads.LEARNING_RATE),
        adam_beta1=workloads.BETA1,
        adam_beta2=workloads.BETA2,
        adam_epsilon=workloads.EPSILON,
        weight_decay=workloads.WEIGHT_DECAY,
        max_grad_norm=workloads.MAX_GRADIENT_NORM,
        lr_scheduler_type="linear",
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        **settings,
    )
    tokenizer = AutoTokenizer.from_pretrained(asked["tokenizer"])
    return kind(network, arguments, train_dataset=Rows(asked["rows"]), data_collator=DataCollatorWithPadding(tokenizer))


def ideal_order(lengths: Sequence[int], steps: int) -> list[int]:
    """Return rows for `steps` batches of rows of like length, taken evenly over all lengths, in random order."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    size = workloads.BATCH_ROWS
    whole = [order[low : low + size] for low in range(0, len(order) // size * size, size)]
    chosen = [whole[int((step + 0.5) * len(whole) / steps) % len(whole)] for step in range(steps)]
    random.Random(0).shuffle(chosen)
    return [row for batch in chosen for row in batch]


def _accuracy(made: Any, rows: str) -> float:
    """Return the accuracy on test rows, as our side encoded them."""
    predicted = made.predict(Rows(rows))
    return float((predicted.predictions.argmax(1) == predicted.label_ids).mean())


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Train as asked, and return the rate."""
    torch.set_num_threads(asked["threads"])
    kind = Ordered if asked["setting"] == "ideal" else Trainer
    network = model(asked["start"], workloads.DROPOUT)
    if "moving" in asked:
        freeze(network, asked["moving"])
    made = trainer(asked, network, kind, SETTINGS[asked["setting"]])
    if kind is Ordered:
        made.order = ideal_order([len(document) for document in made.train_dataset.documents], asked["steps"])
    timed = Timed()
    made.add_callback(timed)
    loss = made.train().training_loss
    result = {**timed.watch.rates(asked["dropped_steps"]), "loss": loss}
    return {**result, "accuracy": _accuracy(made, asked["test"])} if "test" in asked else result


if __name__ == "__main__":
    stopwatch.answer(main)
