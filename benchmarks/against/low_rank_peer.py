"""The peer of low-rank training: PEFT in transformers' Trainer, on a plain base or on one in four bits."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, BitsAndBytesConfig

from against import peer, stopwatch

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "tuned": {"bf16": True, "train_sampling_strategy": "group_by_length"},
}
"""The arguments that make each setting, beside those that both sides share."""


def model(asked: dict[str, Any], dropout: float, compute_dtype: torch.dtype = torch.float32) -> Any:
    """Return the base with the adapter that our side begins with.

    Args:
        asked: What the benchmark asks for: `base`, `adapter`, `num_labels` and `is_quantised`.
        dropout: Probability of every dropout of the base.
        compute_dtype: What products with 4-bit weights are computed in.
    """
    keywords: dict[str, Any] = {}
    if asked["is_quantised"]:
        keywords["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute_dtype,
            llm_int8_skip_modules=["classifier", "pooler.dense"],
        )
    network = AutoModelForSequenceClassification.from_pretrained(
        asked["base"],
        num_labels=asked["num_labels"],
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        classifier_dropout=dropout,
        **keywords,
    )
    return PeftModel.from_pretrained(network, asked["adapter"], is_trainable=True)


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """Train as asked, and return the rate."""
    torch.set_num_threads(asked["threads"])
    settings = SETTINGS[asked["setting"]]
    network = model(asked, asked["dropout"], torch.bfloat16 if settings.get("bf16") else torch.float32)
    made = peer.trainer(asked, network, peer.Trainer, settings)
    timed = peer.Timed()
    made.add_callback(timed)
    loss = made.train().training_loss
    return {**timed.watch.rates(asked["dropped_steps"]), "loss": loss}


if __name__ == "__main__":
    stopwatch.answer(main)
