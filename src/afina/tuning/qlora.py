"""QLoRA: LoRA beside matrices held in four bits (Dettmers et al. 2023, arXiv:2305.14314, eq. 5).

`h = Q(W) x + s B A x`, where Q rounds to NF4 with double quantisation. Everything but Q is `lora`; the base is read in
four bits, and its head, norms and embeddings stay float32.
"""

from __future__ import annotations

from typing import Literal

from afina.base.types import Family
from afina.tuning import _peft_files, lora
from afina.tuning._peft import Injected

REQUIRES = {"quantisation": "nf4", "double": True}
"""What the base must be loaded with."""

SUPPORTS: frozenset[Family] = frozenset({"encoder", "decoder"})
"""Networks of which enough is matrices for four bits to be felt."""

USAGE = f"""\
# The adapter was learnt beside a base in four bits. To hear the same, load `network` with
# quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
{_peft_files.USAGE}"""
"""The lines that put the adapter on a plain `network`."""


class Config(lora.Config):
    """Move a low-rank update beside every linear layer of the blocks, and the head; the base is held in four bits."""

    kind: Literal["qlora"] = "qlora"  # type: ignore[assignment]
    """The technique's name."""


def build(config: Config) -> Injected:
    """Return the tuning that `config` describes.

    Folding into the base is refused: what was learnt is finer than four bits. The same adapter can be put on the base
    in float32 (plain `peft` does) and folded there; that is another model, by what the base lost to rounding, and has
    to be judged again.
    """
    is_default = config.initialisation == "default"
    return Injected(
        "qlora",
        lambda model: lora.plan(model, config, "qlora"),
        supports=SUPPORTS,
        requires=REQUIRES,
        begins_as_base=is_default,
        interpolates=is_default,
        usage=USAGE,
        held=("lora_A",),
    )
