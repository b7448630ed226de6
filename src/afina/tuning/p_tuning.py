"""P-tuning: virtual tokens that a small network makes, and the head (Liu et al. 2021, arXiv:2103.10385).

The network makes them depend on each other; once learnt it is dropped, and its output alone is saved. Deviation: the
tokens stand in front of the text, where the paper's patterns have them around it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import nn

from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning._prompt import EMBEDDINGS_USAGE, Prompted, Technique
from afina.tuning._virtual import as_embeddings
from afina.tuning.head import HEAD_LEARNING_RATE

LEARNING_RATE = 1e-3
"""Rate of a small fresh network under AdamW, as in PEFT's example of p-tuning."""


class Config(Section):
    """Learn virtual tokens, and the network that makes them, in front of every text, and the head; the base stays."""

    kind: Literal["p-tuning"] = "p-tuning"
    """The technique's name."""
    num_virtual_tokens: Annotated[int, Field(ge=1, le=1000)] = 20
    """Virtual tokens, 1 to 1000. The longest text becomes shorter by as many."""
    encoder: Literal["mlp", "lstm"] = "mlp"
    """The network that makes them: two hidden layers, each token for itself, or the paper's LSTM in both directions."""
    encoder_width: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Width of that network; `auto` is that of the base's embeddings."""


def build(config: Config) -> Prompted:
    """Return the tuning that `config` describes."""
    return Prompted(
        Technique(
            kind="p-tuning",
            num_tokens=config.num_virtual_tokens,
            begin=lambda base, num_layers: _begin(config, base, num_layers),
            enter=as_embeddings,
            pooled_usage=EMBEDDINGS_USAGE,
            learning_rate=LEARNING_RATE,
            reason=say("a small fresh network bears it, as in PEFT's example of p-tuning (arXiv:2103.10385)"),
            head_learning_rate=HEAD_LEARNING_RATE,
        )
    )


def _begin(config: Config, base: Any, num_layers: int) -> tuple[Any, nn.Module]:
    peft = need("peft", extra="train")
    width = int(base.get_input_embeddings().weight.shape[1])
    own = peft.PromptEncoderConfig(
        num_virtual_tokens=config.num_virtual_tokens,
        token_dim=width,
        num_layers=num_layers,
        num_attention_heads=int(base.config.num_attention_heads),
        num_transformer_submodules=1,
        encoder_reparameterization_type=config.encoder.upper(),
        encoder_hidden_size=width if config.encoder_width == "auto" else config.encoder_width,
    )
    return own, peft.PromptEncoder(own)
