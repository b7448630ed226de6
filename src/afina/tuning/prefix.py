"""Prefix tuning: learnt keys and values before the text in every block, and the head (arXiv:2101.00190).

Li and Liang 2021, sec. 4. Only a base that can read on from a past takes them: decoders, and encoders of BERT's and
RoBERTa's kin. DistilBERT, for one, does not heed them, and is refused.

Deviation: the paper makes the prefix with a network of two layers, which it needs for stability; that is
`projection: mlp`, and here it is the choice rather than the rule, since a head learns beside.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import nn

from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning._prompt import Prompted, Technique
from afina.tuning._virtual import as_past, key_heads
from afina.tuning.head import HEAD_LEARNING_RATE

LEARNING_RATES = {"none": 1e-2, "mlp": 1e-3}
"""Rate of a prefix learnt itself, as in PEFT's example beside a head; and of a fresh network, as for p-tuning."""

USAGE = """\
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import DynamicCache

adapter = json.loads(Path(f"{FOLDER}/adapter_config.json").read_text("utf-8"))
prefix = load_file(f"{FOLDER}/adapter_model.safetensors")["prompt_embeddings"]
layers = prefix.view(len(prefix), adapter["num_layers"] * 2, adapter["num_attention_heads"], -1).permute(1, 2, 0, 3)


def put_before(network, args, inputs):
    rows = len(inputs["input_ids"])
    pairs = [[states.expand(rows, -1, -1, -1) for states in pair] for pair in zip(layers[::2], layers[1::2])]
    inputs["past_key_values"] = DynamicCache(pairs)
    inputs["attention_mask"] = torch.nn.functional.pad(inputs["attention_mask"], (len(prefix), 0), value=1)
    return args, inputs


network.register_forward_pre_hook(put_before, with_kwargs=True)
"""
"""What puts a saved prefix on a bare base."""


class Config(Section):
    """Learn keys and values that stand before every text in every block, and the head; the base stays."""

    kind: Literal["prefix"] = "prefix"
    """The technique's name."""
    num_virtual_tokens: Annotated[int, Field(ge=1, le=1000)] = 20
    """Length of the prefix, 1 to 1000. The longest text becomes shorter by as much."""
    projection: Literal["none", "mlp"] = "none"
    """Whether the prefix itself is learnt, or a network of two layers that makes it, as in the paper. The network is
    dropped at the end."""
    encoder_width: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Width of that network; `auto` is that of the keys of one block."""


def build(config: Config) -> Prompted:
    """Return the tuning that `config` describes."""
    return Prompted(
        Technique(
            kind="prefix",
            num_tokens=config.num_virtual_tokens,
            begin=lambda base, num_layers: _begin(config, base, num_layers),
            enter=as_past,
            pooled_usage=USAGE,
            learning_rate=LEARNING_RATES[config.projection],
            reason=say("PEFT's examples beside a head: 1e-2 for a prefix itself, 1e-3 where a network makes it"),
            head_learning_rate=HEAD_LEARNING_RATE,
        )
    )


def _begin(config: Config, base: Any, num_layers: int) -> tuple[Any, nn.Module]:
    peft = need("peft", extra="train")
    heads, width = key_heads(base.config)
    own = peft.PrefixTuningConfig(
        num_virtual_tokens=config.num_virtual_tokens,
        token_dim=heads * width,
        num_layers=num_layers,
        num_attention_heads=heads,
        num_transformer_submodules=1,
        prefix_projection=config.projection == "mlp",
        encoder_hidden_size=heads * width if config.encoder_width == "auto" else config.encoder_width,
    )
    return own, peft.PrefixEncoder(own)
