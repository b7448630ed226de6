"""VeRA: random matrices that all layers share, and learnt vectors (Kopiczko et al. 2024, arXiv:2310.11454).

`h = W x + b * (B (d * (A x)))` (eq. 2): A and B are random, frozen and the same for every layer, cut to its size; the
vectors d (rank) and b (outputs) learn, b from zero. A tenth of LoRA's weights or fewer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afina.base.messages import say
from afina.base.optional import need
from afina.recipe.section import Section
from afina.tuning import _peft_targets
from afina.tuning._peft import Injected, Plan
from afina.tuning._selection import layer_scales
from afina.tuning.contract import Tunable

RATE = 4e-3
"""The rate at which the paper tunes both RoBERTa (SST-2) and Llama."""


class Config(Section):
    """Move two vectors beside every linear layer of the blocks, and the head."""

    kind: Literal["vera"] = "vera"
    """The technique's name."""
    rank: Annotated[int, Field(ge=1, le=4096)] = 256
    """Rank of the shared random matrices, 1 to 4096. The paper takes 256 to 1024: a vector is cheap."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Probability with which inputs of the update are dropped while training, in [0, 1)."""
    d_initial: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """What the vector d begins with, in (0, 1]; the paper's best is 0.1."""
    projection_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the random matrices. They are saved with the vectors, so that no other machine has to draw the same."""
    target_modules: Literal["auto"] | Annotated[tuple[str, ...], Field(min_length=1)] = "auto"
    """Layers that get an update. `auto` takes every linear layer of the blocks; or names such as `[query, value]`: a
    layer has a name if its path ends with it."""
    freeze_blocks: Annotated[int, Field(ge=0)] = 0
    """Lowest blocks that get no update; 0 gives one to all."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Each block learns at this factor of the block above it, in (0, 1]; 1 treats all alike."""


def build(config: Config) -> Injected:
    """Return the tuning that `config` describes."""
    return Injected(
        "vera",
        lambda model: _plan(model, config),
        supports=frozenset({"encoder", "decoder", "vision-transformer"}),
        held=("vera_lambda_d",),
    )


def _plan(model: Tunable, config: Config) -> Plan:
    found = _peft_targets.layers(model, _peft_targets.is_matrix, config.freeze_blocks, "tuning.vera.freeze_blocks")
    targets = _peft_targets.find(config.target_modules, found, "tuning.vera.target_modules", model)
    options = need("peft", extra="train").VeraConfig(
        r=config.rank,
        vera_dropout=config.dropout,
        d_initial=config.d_initial,
        projection_prng_key=config.projection_seed,
        save_projection=True,
        target_modules=sorted(targets),
        fan_in_fan_out=any(map(_peft_targets.is_transposed, targets.values())),
    )
    return Plan(
        options,
        RATE,
        say("the rate of the paper, about ten times LoRA's, since so little moves (arXiv:2310.11454)"),
        layer_scales(model, config.layer_decay),
    )
