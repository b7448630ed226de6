"""What is trained, on what: the same base, rows and settings for both sides.

    sst2   6920 film-review sentences, the packaged MiniLM (22M weights, 6 blocks of width 384)
    c4     4000 random documents, a random BERT-like encoder (14M weights)

Of c4 the studies gave 6 blocks of width 384, 14M weights, 4 classes, lengths log-normal with mean 47 and at most 128
tokens. Fixed here, before any figure was taken: 4000 documents, heads of width 64 (6 of them), feed-forward width
1536 and the vocabulary that 14M implies, 8192.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
from transformers.utils import logging

BATCH_ROWS = 32
LEARNING_RATE = 2e-5
BETA1, BETA2, EPSILON, WEIGHT_DECAY = 0.9, 0.999, 1e-8, 0.0
MAX_GRADIENT_NORM = 1.0
MAX_TOKENS = 128
DROPOUT = 0.1

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
VOCABULARY, NUM_DOCUMENTS, NUM_CLASSES = 8192, 4000, 4
MEAN_TOKENS, SPREAD = 47, 0.65


@dataclass(frozen=True, slots=True)
class Workload:
    """One thing to train.

    Attributes:
        name: `sst2` or `c4`.
        base: What the recipe calls the base.
        rows: File with the training rows.
    """

    name: str
    base: str
    rows: Path

    def recipe(self, **training: Any) -> dict[str, Any]:
        """Return the recipe, everything that the sides must share written out."""
        dropout = training.pop("dropout", DROPOUT)
        tuning = training.pop("tuning", {"kind": "full", "head_first_epochs": 0.0})
        return {
            "base": {"name": self.base, "dropout": dropout},
            "data": {
                "train": str(self.rows),
                "split": {"validation": 0.0, "test": 0.0},
                "max_tokens": MAX_TOKENS,
            },
            "task": {"kind": "text-classification", "pooling": "cls"},
            "tuning": tuning,
            "training": {
                "epochs": 100.0,
                "learning_rate": LEARNING_RATE,
                "optimizer": {
                    "kind": "adamw",
                    "beta1": BETA1,
                    "beta2": BETA2,
                    "epsilon": EPSILON,
                    "weight_decay": WEIGHT_DECAY,
                },
                "schedule": {"kind": "linear", "warm_up": 0.0},
                "max_gradient_norm": MAX_GRADIENT_NORM,
                "global_batch_size": BATCH_ROWS,
                "callbacks": [],
                **training,
            },
        }


def make(name: str, data: Path, folder: Path) -> Workload | str:
    """Return a workload, its files written into `folder`, or a sentence that says why there is none."""
    if name == "c4":
        return Workload("c4", str(_random_base(folder / "base")), _random_rows(folder / "rows.jsonl"))
    rows = data / "sst2_en" / "train.tsv"
    if not rows.is_file():
        return f"sst2 is left out: there is no {rows} (say where with --data)."
    return Workload("sst2", "builtin:minilm", rows)


def _random_base(folder: Path) -> Path:
    logging.disable_progress_bar()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=6,
        intermediate_size=1536,
        num_labels=NUM_CLASSES,
        pad_token_id=0,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    words = {word: place for place, word in enumerate([*SPECIAL, *(f"w{n}" for n in range(4, VOCABULARY))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def _random_rows(path: Path) -> Path:
    """Write documents of random words; every fifth or so is the class's own, so that something can be learnt."""
    draw = random.Random(0)
    centre = math.log(MEAN_TOKENS) - SPREAD**2 / 2
    with path.open("w", encoding="utf-8") as file:
        for _ in range(NUM_DOCUMENTS):
            label = draw.randrange(NUM_CLASSES)
            num_words = max(4, min(MAX_TOKENS, round(draw.lognormvariate(centre, SPREAD))) - 2)
            words = [
                draw.randrange(4 + NUM_CLASSES, VOCABULARY) if draw.random() < 0.8 else 4 + label
                for _ in range(num_words)
            ]
            line = {"text": " ".join(f"w{word}" for word in words), "label": f"class {label}"}
            file.write(json.dumps(line) + "\n")
    return path
