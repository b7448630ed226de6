"""Soft prompts: learnt embeddings in front of every text, and the head (Lester et al. 2021, arXiv:2104.08691).

Deviations: the paper tunes T5 to write the label; here a head reads it. It optimises with Adafactor.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from torch import nn

from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning._prompt import EMBEDDINGS_USAGE, Prompted, Technique
from afina.tuning._virtual import as_embeddings
from afina.tuning.head import HEAD_LEARNING_RATE

LEARNING_RATE = 3e-2
"""A tenth of the paper's, whose Adafactor scales its steps by the size of the weights; AdamW's steps are not."""


class Config(Section):
    """Learn virtual tokens in front of every text, and the head; the base stays."""

    kind: Literal["prompt"] = "prompt"
    """The technique's name."""
    num_virtual_tokens: Annotated[int, Field(ge=1, le=1000)] = 20
    """Virtual tokens, 1 to 1000. The longest text becomes shorter by as many."""
    initialisation: Literal["vocabulary", "random", "text"] = "vocabulary"
    """What they begin from: the embeddings of tokens drawn from the vocabulary, random numbers, or those of `text`."""
    text: Annotated[str, Field(min_length=1)] | None = None
    """The text whose embeddings they begin from, repeated or cut to their number; with `initialisation: text` alone."""

    @model_validator(mode="after")
    def _text_is_used(self) -> Config:
        if (self.initialisation == "text") is (self.text is None):
            raise ValueError(say("`text` and `initialisation: text` go together."))
        return self


def build(config: Config) -> Prompted:
    """Return the tuning that `config` describes."""
    return Prompted(
        Technique(
            kind="prompt",
            num_tokens=config.num_virtual_tokens,
            begin=lambda base, num_layers: _begin(config, base, num_layers),
            enter=as_embeddings,
            pooled_usage=EMBEDDINGS_USAGE,
            learning_rate=LEARNING_RATE,
            reason=say("a tenth of the rate of soft prompts under Adafactor, 0.3 (Lester et al., arXiv:2104.08691)"),
            head_learning_rate=HEAD_LEARNING_RATE,
        )
    )


def _begin(config: Config, base: Any, num_layers: int) -> tuple[Any, nn.Module]:
    peft = need("peft", extra="train")
    words = base.get_input_embeddings()
    beginnings = {"vocabulary": "SAMPLE_VOCAB", "random": "RANDOM", "text": "TEXT"}
    usual = {
        "num_virtual_tokens": config.num_virtual_tokens,
        "token_dim": int(words.weight.shape[1]),
        "num_layers": num_layers,
        "num_attention_heads": int(base.config.num_attention_heads),
        "num_transformer_submodules": 1,
    }
    own = {"prompt_tuning_init": beginnings[config.initialisation]}
    if config.text is not None:
        own |= {"prompt_tuning_init_text": config.text, "tokenizer_name_or_path": base.name_or_path}
    encoder = peft.PromptEmbedding(peft.PromptTuningConfig(**usual, **own), words)
    # What is saved has its values; how they began, and by whose tokenizer, is of no use to who loads it.
    return peft.PromptTuningConfig(**usual), encoder
